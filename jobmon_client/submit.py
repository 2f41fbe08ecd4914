"""Old place of `jobmon_client.submit`; importing this module sets that name to the module, so it can be called too."""

import sys
from types import ModuleType
from typing import Any

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client.running.submission", "Submitted", "submit")


class _Submit(ModuleType):
    """This module, able to do what the function `jobmon_client.submit` does."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from jobmon_client.running.submission import submit

        return submit(*args, **kwargs)


sys.modules[__name__].__class__ = _Submit
