"""Old place of `jobmon_client.running.log_removal`."""

from jobmon_client.deprecation import moved

__getattr__ = moved(
    __name__, "jobmon_client.running.log_removal", "FileOutcome", "RemovedFile", "files_of", "remove_files"
)
