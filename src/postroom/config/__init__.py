"""All settings: collected from the packages that declare them, loaded, checked, explained."""

from .declarations import Declaration, Section, sections, settings
from .default_file import default_toml
from .explain import Explanation, UnknownSetting, explain
from .load import ConfigError, Problem, load, loads
from .sections import Config
from .settings import ListenerSettings, ListenSettings, LogSettings, ProcessSettings

__all__ = [
    "Config",
    "ConfigError",
    "Declaration",
    "Explanation",
    "ListenSettings",
    "ListenerSettings",
    "LogSettings",
    "Problem",
    "ProcessSettings",
    "Section",
    "UnknownSetting",
    "default_toml",
    "explain",
    "load",
    "loads",
    "sections",
    "settings",
]
