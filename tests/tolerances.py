"""How far two computations of the same numbers may differ, each bound with its reason. Loosen one only with a note."""

# float64 sums of the same terms in another order: some hundred terms, a rounding of 1e-16 each.
SUMS = 1e-12

# Central differences beside gradients, relative to the largest entry of a tensor: truncation, and rounding of the
# loss, which the division by the step magnifies, the more the smaller a gradient is beside the loss (three layers of
# sigmoids). The mean is below the largest, which one kink may raise.
DIFFERENCE_MAX = 1e-6
DIFFERENCE_MEAN = 3e-7

# Gradients and losses of one update beside an oracle, relative to the largest entry: float64 on both sides, sums in
# another order over up to 300 steps.
GRADIENTS = 1e-10

# The same where shapes are drawn at random: up to a few thousand rows.
GRADIENTS_OF_ANY_SHAPE = 1e-9

# Weights of about 1 after some hundred updates beside the NumPy oracle: rounding grows from update to update.
TRAINED = 1e-10

# Weights of about 1 after some dozens of updates beside PyTorch, absolute: its own order of sums, and divisions by
# the root of small moments.
TRAINED_BY_TORCH = 1e-9

# Weights and losses of two runs of a few updates that ought to be the same, with sums in another order.
RETRAINED = 1e-9

# Answers and scores of a whole model in float64, relative to the range of the target.
ANSWERS = 1e-9

# float32 beside a float64 oracle, relative to the largest entry: 24 bits, up to 300 steps, a few hundred rows.
FLOAT32_GRADIENTS = 1e-5

# float32 on both sides, states of a few steps.
FLOAT32_OUTPUTS = 1e-6

# float32 losses, summed by the kernel in another order than by NumPy.
FLOAT32_LOSSES = 1e-5
