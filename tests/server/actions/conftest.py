"""Asserts of the helpers tell what they compared."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.server.actions.driver", "tests.server.actions.life")
