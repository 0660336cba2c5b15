"""The parts of a file of C that are the same for all models; {n} begins its names, {N} those of its macros."""

BANNER = """\
/* {n}: a recurrent network as C99 and C++, written by rnnfast {version}.

{about}

   Compile this file once, for instance with cc -std=c99 -O3 -c (without -ffast-math, as empty cells are NaN). Where
   the functions are called, write
       #define {N}_HEADER
       #include "{file}"
   for the declarations alone. No memory is allocated; the only one is the state, one for each sequence.

   MIT License. Permission is hereby granted, free of charge, to any person obtaining a copy of this file, to deal in it
   without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute,
   sublicense, and/or sell copies of it, subject to the inclusion of this notice. THE FILE IS PROVIDED "AS IS", WITHOUT
   WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO MERCHANTABILITY, FITNESS FOR A PARTICULAR
   PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY. */"""

DECLARATIONS = """\
#ifndef {N}_DECLARED
#define {N}_DECLARED
#ifndef {N}_VALUE
#define {N}_VALUE double /* of inputs and answers; -D{N}_VALUE=float where doubles are slow and no input is a date */
#endif
#define {N}_INPUTS {I}
#define {N}_ANSWERS {O}
{macros}
#ifdef __cplusplus
extern "C" {{
#endif
typedef {N}_VALUE {n}_value;
typedef {real} {n}_real; /* of weights and states */

{memory}

{functions}
{alarm}
/* Compare the answers to stored rows with those of rnnfast. Returns 0, or the number of the first row, from 1, that
   differs. */
int {n}_self_test(void);
#ifdef __cplusplus
}}
#endif
#endif /* {N}_DECLARED */"""

STEP_FUNCTIONS = """\
/* Begin a sequence. */
void {n}_reset({n}_state *state);

/* Answer a row of a sequence, inputs and answers in original units.
{inputs}

{answers}

   Returns 0, or the number of an input, from 1, that is refused: empty or infinite where it must not be, a category
   that training did not have, a time before that of the last row. The state and the answers are then as before. */
int {n}_step({n}_state *state, const {n}_value *inputs, {n}_value *answers);"""

WINDOW_FUNCTIONS = """\
/* Answer the n rows of a sequence at once, inputs and answers in original units, those of a row one after the other.
{inputs}

{answers}

   {steps}
   Returns 0; -1 for no rows or more than {N}_ROWS; else the number of a value of inputs, from 1, that is refused: empty
   or infinite where it must not be, a category that training did not have, a time before that of the last row. The
   answers are then as before. The state is memory to work in; nothing of it is read. */
int {n}_window({n}_state *state, const {n}_value *inputs, int n, {n}_value *answers);"""

ALARM = """
#ifndef {N}_THRESHOLD
#define {N}_THRESHOLD {threshold} /* probability from which on the answer is yes */
#endif
/* Whether a probability is an alarm. */
int {n}_alarm({n}_value probability);
"""
ALARM_BODY = """\
int {n}_alarm({n}_value probability)
{{
    return probability >= {N}_THRESHOLD;
}}
"""

STEP = """\
static void {n}_network({parameters})
{{
    int j;
{network}
}}

void {n}_reset({n}_state *state)
{{
{reset}
}}

int {n}_step({n}_state *state, const {n}_value *inputs, {n}_value *answers)
{{
    {n}_real x[{F}], out[{O}];
    int j;
{k}    (void)inputs;
{encode}
    state->rows++;
{run}
{answer}
    return 0;
}}
"""

SELF_TEST = """\
int {n}_self_test(void)
{{
    {n}_state state;
    {n}_value answers[{O}];
    int i, j;
    for (i = 0; i < {rows}; i++) {{
        if (i == 0 || i == {first}) {n}_reset(&state);
        if ({n}_step(&state, {n}_test_rows + i * {I}, answers)) return i + 1;
        for (j = 0; j < {O}; j++) {{
            const {n}_value difference = answers[j] - {n}_test_answers[i * {O} + j];
            if (!(difference <= {n}_test_tolerance[j] && difference >= -{n}_test_tolerance[j])) return i + 1;
        }}
    }}
    return 0;
}}"""

WINDOW = """\
static void {n}_network({parameters})
{{
    int j, t;
{network}
}}

static int {n}_encode({encode_parameters})
{{
    int j;
    (void)inputs;
    (void)j;
{encode}
    state->rows++;
    return 0;
}}

int {n}_window({n}_state *state, const {n}_value *inputs, int n, {n}_value *answers)
{{
    int j, k, t;
    if (n < 1 || n > {N}_ROWS) return -1;
{reset}
    for (t = 0; t < n; t++) {{
        const int refused = {n}_encode({encode_arguments});
        if (refused) return t * {I} + refused;
    }}
    for (k = 0; k < {M}; k++)
        {n}_network(&{n}_networks[k], &state->networks[0], state->x, n, state->out + k * {N}_ROWS * {O});
    for (t = 0; t * {stride} < n; t++, answers += {O}) {{
        {n}_real out[{O}];
{run}
{answer}
    }}
    return 0;
}}
"""

WINDOW_SELF_TEST = """\
int {n}_self_test(void)
{{
    static {n}_state state;
    {n}_value answers[{most}];
    const int rows[2] = {{{first}, {second}}};
    int i, j, k, done = 0, count;
    for (k = 0, i = 0; k < 2; i += rows[k++]) {{
        if ({n}_window(&state, {n}_test_rows + i * {I}, rows[k], answers)) return i + 1;
        count = (rows[k] + {stride} - 1) / {stride};
        for (j = 0; j < count * {O}; j++, done++) {{
            const {n}_value difference = answers[j] - {n}_test_answers[done];
            const {n}_value most = {n}_test_tolerance[j % {O}];
            if (!(difference <= most && difference >= -most)) return i + 1;
        }}
    }}
    return 0;
}}"""
