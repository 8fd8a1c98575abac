"""Aliases and tags in MLflow: what a registered model and its versions are known by."""

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"  # the aliases

KIND, MODEL, BUNDLE, GIT = "geratriz.kind", "geratriz.model", "geratriz.bundle", "geratriz.git"  # of a run, too
DATA, LOCK = "geratriz.data_md5", "geratriz.dvc_lock_md5"
VERDICT, PRIVACY, LOGGED = "geratriz.verdict", "geratriz.privacy", "geratriz.logged"
METRIC = "geratriz.metric."  # followed by a metric's name
BRANCH, COMMIT = "geratriz.branch", "geratriz.commit"  # of a version that a retraining by itself made

RECORD = "geratriz.promotion."  # followed by a number: one a promotion, on the version that was promoted
LATEST = "geratriz.promotions"  # on the registered model: the number of the latest record and its MD5

EVALUATION = "evaluation"  # the folder among a run's artifacts that holds metrics.json and the page
RECIPE = "recipe"  # the folder that holds params.yaml, dvc.yaml and dvc.lock as they were
