"""Names of the aliases, tags and artifact folders that the registry uses in MLflow."""

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"  # aliases

KIND, MODEL, BUNDLE, GIT = "geratriz.kind", "geratriz.model", "geratriz.bundle", "geratriz.git"  # on runs as well
DATA, LOCK = "geratriz.data_md5", "geratriz.dvc_lock_md5"
VERDICT, PRIVACY, LOGGED = "geratriz.verdict", "geratriz.privacy", "geratriz.logged"
METRIC = "geratriz.metric."  # prefix; followed by a metric's name
BRANCH, COMMIT = "geratriz.branch", "geratriz.commit"  # on versions made by a scheduled retraining

RECORD = "geratriz.promotion."  # prefix; followed by the number of a promotion, on the promoted version
LATEST = "geratriz.promotions"  # on the registered model: number and MD5 of the latest record

EVALUATION = "evaluation"  # artifact folder with metrics.json and the page
RECIPE = "recipe"  # artifact folder with params.yaml, dvc.yaml and dvc.lock as they were
