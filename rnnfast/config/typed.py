"""The options of read_table and train as types, for editors and type checkers.

Written by tests/typed_options.py from the declarations in sections.py; a test says when it is to be written again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict


class ReadOptions(TypedDict, total=False):
    """Options of rnnfast.read_table, and of rnnfast.train where it reads the table.

    id: Column that names the sequence of a row.
    time: Column that orders the rows of a sequence.
    dayfirst: Whether 02/01/2024 in the time column is 2 January; needed where its dates leave it open.
    ties: Rows of one time in one id: in the order of the file, or an error. One of keep, error. Default keep.
    sep: Sign between cells, where it is not recognised: ';', tab, '|', or space for any number.
    columns: Names of all columns of a table without header line.
    query: SELECT whose rows are the table, where data is a database.
    target: Column(s) to predict.
    features: Input columns; 'x*' matches by name. Default: all other numeric columns.
    ignore: Columns to leave out, and codes of findings that are not told, as RF03.
    categorical: Columns of categories: one input for each, 'x*' matches by name.
    task: What the target is. One of auto, binary, multiclass, regression. Default auto.
    positive: Which of two classes is the positive one, that precision and recall are about; default: the last in order,
        or the other one where that is a word for no.
    predict: Loss and metrics at every step or at the last one; auto: last where a sequence has one target value. One of
        auto, every, last. Default auto.
    window: Cut consecutive rows into sequences of N steps; default without id: by the target's course, with fast 10.
    stride: Rows from the start of one window to the next (the window).
    horizon: Predict the target N steps ahead, inside the same id; '1..7' or '1,3,7': one output for each of them.
        Default 0.
    lag_target: Give the last known target as an input: of this step with horizon, else of the step before. Default
        False.
    difference: Learn the change of a quantity since its last known value, which becomes an input; answers are in
        original units. Default False.
    season: Steps of a season: the naive forecast repeats the target of one season ago. Default 1.
    calendar: Give hour, weekday, month and day of the year of time as inputs, where they vary; in one series, where
        they come again. Default False.
    delta: Give the change of each feature since the row before as an input. Default False.
    time_delta: Give the time since the row before as an input: in seconds or in units of time, or the log of 1 + that.
        One of off, linear, log. Default off.
    missing: Empty cells of features: error, zero, mean or ffill, for all or for one as in 'error,x1=ffill'. Default
        error.
    weight: Column with the weight of a row in the loss, 0 or more.
    split_by: What divides the parts: whole sequences at random, a point in time, or a column of train, valid and test.
        Default sequence.
    cache: Keep parsed tables in the user's cache directory. Default True.
    """

    id: str | None
    time: str | None
    dayfirst: bool | None
    ties: str
    sep: str | None
    columns: str | Sequence[str]
    query: str | None
    target: str | Sequence[str]
    features: str | Sequence[str]
    ignore: str | Sequence[str]
    categorical: str | Sequence[str]
    task: str
    positive: str | None
    predict: str
    window: int | None
    stride: int | None
    horizon: int | Sequence[int] | str
    lag_target: bool
    difference: bool
    season: int
    calendar: bool
    delta: bool
    time_delta: str
    missing: str | Sequence[str]
    weight: str | None
    split_by: str
    cache: bool


class TrainOptions(ReadOptions, total=False):
    """Options of rnnfast.train beside those of rnnfast.read_table.

    unseen: A category that training rows lack: an input of its own, or an error. One of bucket, error. Default bucket.
    missing_indicator: Give an input that is 1 where a cell was empty, for each column that has a rule for it. Default
        False.
    scale: Scaling of features, fitted on training rows: minmax, zscore, robust, rank or none, for all or for one as in
        'zscore,x1=none'. Default by preset, with fast minmax.
    scale_target: Scale the targets of a regression; results are in original units. Default True.
    split: Share of the sequences, or rows by time, that trains, the rest validates; '0.7,0.15': the rest of those two
        tests. Default 0.8.
    memory: Read a larger table from disk in blocks, so that training needs at most this: 2G, 500M.
    shards: Divide the ids into N shards that train side by side, in rounds that end with their mean.
    sharding: What a shard is: ids whose hash says so, wherever their rows stand, or files, where no id is in two of
        them. One of ids, files. Default ids.
    preset: What chooses the options that nobody gives: auto: the table, best: a race of candidates on folds of the rows
        that train, then an ensemble, fast: small networks by plain rules, original: the rule of RNN-Rust. One of auto,
        best, fast, original. Default auto.
    budget: With preset best: work of about this time on two cores, 90s, 10m; default 30s. It is counted, not timed: a
        seed gives the same network anywhere.
    cell: Recurrent cell; mlp has no state: each step by itself; lru and mingru remember a thousand steps. One of rnn,
        gru, lstm, lru, mingru, mlp. Default by preset, with fast rnn.
    hidden: Hidden units; '64,32' stacks two layers. Default by preset, with fast 10.
    head: What outputs see of the states: the step's own, mean, maximum or attention over all steps up to it; all: the
        first three side by side. One of last, mean, max, all, attention. Default by preset, with fast last.
    patch: A step of the cell is a dense layer with ReLU over the last K rows, one every S rows; S is K where only K is
        given, 1 to K; off: none.
    conv: Convolutions with ReLU over the last W rows, in front of cell and patch; '5,3': two layers, off: none.
    static: Features that are constant in an id, 'x*' matches by name: they begin the states and enter the outputs, and
        no step sees them; off: none.
    embed: Columns of categories that are told in K learned numbers, in the place of an input for each category; K is
        half the categories where it is left out, 50 at most; off: none.
    activation: Activation of rnn and mlp; gru, lstm, lru and mingru have their own. One of tanh, relu, leaky_relu,
        sigmoid, elu, swish, gelu, identity. Default tanh.
    bidirectional: Run every layer in both directions. Default False.
    dropout: Share of the states between layers that is zeroed in training. Default 0.0.
    init: Initial weights (biases are 0, with uniform drawn too). One of xavier, he, orthogonal, uniform. Default by
        preset, with fast xavier.
    init_range: With init uniform: draw from (-R, R); default 1/sqrt(hidden), as PyTorch.
    ensemble: Train N networks that differ by seed, and answer with the mean of their answers. Default 1.
    bag: Train each network of an ensemble on a draw of the ids, and score it on those left out. Default False.
    distil: Train one network on the answers of the ensemble: the model file holds that one alone. Default False.
    linear_part: Let a linear part of the inputs, of their changes and of averages of past targets answer beside the
        network, by as much as the validation part says; of all values, where equally long sequences have a quantity
        each, or of shapes, where each has one class. Default False.
    recurrent_bias: Train bias_hh beside bias_ih, as PyTorch does; off: it stays 0. Default True.
    epochs: Passes over the training sequences; 0 writes the initial model. Default by preset, with fast 100.
    batch_size: Sequences per update; default up to 16, 20 updates per epoch; with preset fast 1 for rnn with one
        output.
    loss: auto: bce, ce or mse by task; mse, mae and huber on a binary target score the raw output. One of auto, mse,
        mae, huber, bce, ce. Default auto.
    reduction: Mean of the loss over the labelled steps of a batch, or their sum. One of mean, sum. Default mean.
    optimizer: Update rule; auto: sgd for rnn with one output, else adam. One of auto, sgd, momentum, nesterov, adam,
        adamw, rmsprop, adagrad. Default by preset.
    lr: Learning rate; default 0.05 for sgd and adagrad, 0.01 for momentum and nesterov, 0.005 else.
    momentum: Of momentum and nesterov. Default 0.9.
    weight_decay: L2 penalty, decoupled with adamw; default 0.05 by preset auto, else 0.01 for adamw, else 0.
    clip_norm: Scale gradients down to this norm; 0: never. Default by preset.
    schedule: Course of the learning rate. One of constant, step, exponential, cosine, onecycle, plateau. Default by
        preset, with fast constant.
    lr_step: With step: epochs between drops; with plateau: evaluations to wait. Default 30.
    lr_gamma: Factor of a drop; default 0.1, with exponential 0.95 per epoch.
    class_weight: Weight of the classes in the loss: none, balanced, some by name as in fraud=2, or a number per class.
        Default none.
    tbptt: Truncated BPTT: update every K steps, the state is carried on; 0: whole sequences. Default 0.
    patience: Stop after N evaluations without a better validation loss and restore the best weights; 0: never. preset
        auto takes at least 30, and so many that they hold 1,500 updates. Default by preset, with fast 10.
    monitor: Figure of the validation part that patience and schedule plateau watch: loss, or a metric of the task. One
        of loss, accuracy, balanced_accuracy, precision, recall, specificity, f1, mcc, auroc, auprc, macro_f1, log_loss,
        brier, mae, rmse, mape, r2, within_5pct, within_10pct. Default loss.
    average: Take the mean weights of the N epochs that were best on the validation part; 1: those of the best one.
        Default by preset, with fast 1.
    refit: Train again from the start on the training and the validation part, for the epochs that were best; scores of
        the validation part are those of the model before. Default False.
    max_time: Stop after this time of training: 90s, 10m, 1h. Validation between epochs counts, compiling does not.
    outer: How rounds of shards end: a mean, or a step. One of average, nesterov. Default average.
    rounds: Rounds of a pass with shards; default: by their work.
    shuffle: Visit the sequences in a new random order each epoch. Default True.
    random_start: Begin each training sequence at a random step, another one in each epoch. Default False.
    augment: Change the training sequences anew in each epoch: drop=P puts the mean of its column in the place of a
        share of the values, 0.1 where P is left out; mixup=P mixes sequences that have a class each, and their classes,
        in shares drawn from Beta(P, P), 0.2; shift=P moves the levels of each sequence by P times, 1, what they differ
        by; off: nothing.
    seed: Seed of split, initial weights and order (separate streams). Default 0.
    threads: Threads at most; default: all cores where the work is worth sharing.
    engine: What trains: the kernels of this package on the CPU, or PyTorch (extra: torch), which has GPUs: the same
        rule, files and scores. One of numba, torch. Default numba.
    device: Of engine torch: where it computes. One of cpu, cuda. Default cpu.
    baseline: Score other answers beside the naive one; linear: logistic or ridge regression on the inputs of a step;
        trees: gradient boosting on values, means, slopes and lags (extra: sklearn). One of linear, trees.
    init_from: Model whose weights to start from.
    dtype: Precision of weights and arithmetic. One of float32, float64. Default float32.
    eval_every: Evaluate on the validation part every N epochs (and at the end). Default 1.
    threshold: Probability from which on the second of two classes is predicted: a number, or a rule by which validation
        chooses it: f1, cost:fp=1,fn=50, 'precision>=0.9', 'recall>=0.8', 'alarms<=10/1000', 'events:recall>=0.8',
        'events:alarms<=2/day'. Default 0.5.
    calibrate: Divide the logits by a temperature, fitted on validation, so that probabilities are shares; comes before
        threshold. One of none, temperature. Default none.
    checkpoint: Save a run so often while it lasts, to go on with it where it is killed: a time, or epochs; off: never.
        Default 60s.
    log_file: File to which the course of the run is appended as JSON lines.
    tensorboard: Directory for the figures of each epoch, as TensorBoard reads them (extra: tensorboard).
    """

    unseen: str
    missing_indicator: bool
    scale: str | Sequence[str]
    scale_target: bool
    split: float | Sequence[float] | str
    memory: str | None
    shards: int | None
    sharding: str
    preset: str
    budget: str | None
    cell: str | Callable[..., Any]
    hidden: int | Sequence[int] | str
    head: str
    patch: int | Sequence[int] | str
    conv: int | Sequence[int] | str
    static: str | Sequence[str]
    embed: str | Sequence[str]
    activation: str
    bidirectional: bool
    dropout: float
    init: str
    init_range: float | None
    ensemble: int
    bag: bool
    distil: bool
    linear_part: bool
    recurrent_bias: bool
    epochs: int
    batch_size: int | None
    loss: str
    reduction: str
    optimizer: str
    lr: float | None
    momentum: float
    weight_decay: float | None
    clip_norm: float
    schedule: str
    lr_step: int
    lr_gamma: float | None
    class_weight: str | Sequence[str]
    tbptt: int
    patience: int
    monitor: str
    average: int
    refit: bool
    max_time: str | None
    outer: str
    rounds: int | None
    shuffle: bool
    random_start: bool
    augment: str | Sequence[str]
    seed: int
    threads: int | None
    engine: str
    device: str
    baseline: str | Sequence[str]
    init_from: str | Path | None
    dtype: str
    eval_every: int
    threshold: str | float
    calibrate: str
    checkpoint: str | float
    log_file: str | Path | None
    tensorboard: str | Path | None
