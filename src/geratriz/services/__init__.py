"""The servers and workers around the pipeline, as processes on this machine: what `geratriz up` starts."""
