"""Findings after training and scoring, and the verdict on a model in one sentence.

`view.py` takes from each part what rules look at, `gain.py` compares with the best baseline, the modules beside them
hold the rules, and `judge.py` lists and applies them. Rules read records and a sample of the rows: none trains, and
none chooses anything of the model.
"""
