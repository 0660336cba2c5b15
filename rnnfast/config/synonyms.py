"""Names of options in other libraries, and the options that they mean: for hints, by meaning before spelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnnfast.errors import did_you_mean

# Option -> what scikit-learn, PyTorch, Keras, LightGBM and everyday speech call it.
NAMES: Mapping[str, str] = {
    "data": "train table input file dataset train_data training_data csv path",
    "id": "group group_id group_by groupby key series entity by",
    "time": "date timestamp datetime order_by sort_by time_column index",
    "target": "label labels y target_column outcome output_column predict_column",
    "features": "inputs x columns_used feature_columns",
    "ignore": "drop exclude skip drop_columns",
    "categorical": "categories cat_features one_hot categorical_feature categorical_columns",
    "window": "sequence_length seq_len seq_length lookback timesteps window_size context max_len",
    "stride": "step_size hop shift",
    "horizon": "forecast_horizon ahead prediction_length steps_ahead lead",
    "lag_target": "autoregressive lag lags use_target lag_features",
    "difference": "diff differencing delta_target residual integrate",
    "linear_part": "linear highway autoregressive_part skip_connection",
    "delta": "diff_features velocity first_difference",
    "time_delta": "gap elapsed delta_t time_since dt",
    "calendar": "date_features time_features datetime_features",
    "season": "seasonality period seasonal_period sp",
    "missing": "fillna impute imputer na nan fill fill_missing",
    "weight": "sample_weight sample_weights weights weight_column",
    "scale": "scaler normalize normalise normalization standardize standardise scaling",
    "split": "validation_split valid_split val_split test_size train_size holdout train_fraction val_fraction",
    "valid": "val validation validation_data eval_set val_data validation_file",
    "test": "test_data test_file",
    "preset": "defaults mode profile quality presets",
    "budget": "time_budget",
    "cell": "model model_type rnn_type cell_type arch architecture type kind network layer_type",
    "hidden": "num_layers layers n_layers hidden_size hidden_units hidden_dim units num_units n_units neurons depth",
    "head": "pooling pool readout aggregation pooling_type attention output_layer",
    "patch": "patch_size patch_len patching patches",
    "embed": "embedding embeddings embedding_dim entity_embedding embedding_size",
    "static": "static_features static_reals static_covariates constant statics static_cat",
    "conv": "cnn conv1d convolution convolutions kernel_size filters kernel_sizes",
    "activation": "nonlinearity act transfer",
    "bidirectional": "bi birnn both_directions",
    "dropout": "drop_rate dropout_rate p_drop",
    "init": "initializer weight_init initialization kernel_initializer",
    "epochs": "n_epochs num_epochs max_epochs iterations max_iter n_iter num_iterations passes",
    "batch_size": "batch bs minibatch batchsize mini_batch train_batch_size",
    "loss": "criterion objective loss_function loss_fn",
    "optimizer": "optimiser optim solver algorithm",
    "lr": "learning_rate learning_rate_init eta alpha step_length learningrate rate",
    "weight_decay": "l2 regularization lambda l2_reg reg decay wd",
    "clip_norm": "clip grad_clip gradient_clip clipnorm max_grad_norm clip_grad_norm gradient_clip_val",
    "schedule": "lr_scheduler lr_schedule learning_rate_schedule",
    "lr_gamma": "gamma lr_decay decay_rate",
    "class_weight": "class_weights scale_pos_weight pos_weight imbalance balance",
    "tbptt": "bptt truncate truncated_bptt k1 unroll",
    "patience": "early_stopping early_stopping_rounds early_stop es_patience n_iter_no_change",
    "refit": "retrain refit_full retrain_full train_on_all fit_full",
    "max_time": "timeout time_limit max_seconds",
    "augment": "augmentation data_augmentation input_dropout",
    "random_start": "random_crop crop random_window",
    "seed": "random_state random_seed rng",
    "threads": "n_jobs jobs num_workers nthread num_threads cores n_threads cpus",
    "init_from": "pretrained warm_start finetune fine_tune load restore",
    "device": "gpu cuda accelerator",
    "engine": "backend framework",
    "dtype": "precision float double float_type",
    "eval_every": "eval_interval eval_freq validate_every log_every",
    "output": "out out_dir output_dir save save_dir run_dir logdir dest destination",
    "checkpoint": "save_every save_interval save_freq checkpoint_every checkpoint_interval autosave",
    "memory": "max_memory mem ram memory_limit max_ram",
    "model": "weights model_path model_file load",
    "threshold": "cutoff cut_off decision_threshold operating_point",
    "calibrate": "calibration temperature_scaling calibrated",
    "fail_under": "min_score threshold_metric gate",
}


def hint(word: str, names: Iterable[str]) -> str:
    """Return "; did you mean 'lr'?" for an option that does not exist: by meaning, else by spelling; "" for none.

    names: the options that do exist, as keys ('batch_size'), flags ('--batch-size') or variables
    ('RNNFAST_BATCH_SIZE'); the word is one of the same kind.
    """
    spelt, key = {_key(name): name for name in names}, _key(word)
    meant = next((name for name, others in NAMES.items() if key in others.split() and name in spelt), None)
    return did_you_mean(word, spelt.values()) if meant is None else f"; did you mean {spelt[meant]!r}?"


def _key(name: str) -> str:
    return name.lower().removeprefix("rnnfast_").strip("-").replace("-", "_")
