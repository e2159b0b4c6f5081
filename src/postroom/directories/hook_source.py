"""People whom a Python file knows: functions of the administrator's own (directory.hook_file, docs/directories.md).

Owns: loading the file, calling its functions, what their answers may be. Never: takes anything for a yes but an
address, lets an error or an exit of the hook go on, shows its words in the log (they may hold a password).
Raises: HookUnusable at the start, SourceDown.

Functions that are not async run in threads of their own, so that they may wait for something. One that does not end in
time goes on in its thread, whose place is then taken: the hook is at fault, and questions fail until a place is free.
"""

import asyncio
import contextlib
import importlib.util
import inspect
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from postroom.accounts import address_key
from postroom.base import MailError

from .settings import DirectorySettings
from .types import Known, SourceDown

_log = logging.getLogger("postroom.directories")
NEEDED, POSSIBLE = ("find", "authenticate"), ("find_user", "close")
_MODULE = "postroom_directory_hook"
_MAX_QUOTA = 2**62


class HookUnusable(MailError):
    """The hook's file can't be used; the text says why."""


class HookSource:
    """Raises HookUnusable."""

    def __init__(self, settings: DirectorySettings, sign_in_domain: str) -> None:
        self._settings = settings
        self._sign_in_domain = sign_in_domain
        self._module = _load(settings.hook_file)
        self._slots = asyncio.Semaphore(settings.max_hook_threads)
        self._waiting = 0

    async def close(self) -> None:
        if hasattr(self._module, "close"):
            try:
                await self._call("close")
            except SourceDown:
                pass  # it is in the log

    async def find(self, address: str) -> Known | None:
        return self._known("find", await self._call("find", address))

    async def find_user(self, username: str) -> Known | None:
        if hasattr(self._module, "find_user"):
            return self._known("find_user", await self._call("find_user", username))
        if "@" not in username and self._sign_in_domain:
            username = f"{username}@{self._sign_in_domain}"
        return await self.find(username)

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        if not password:
            return None
        return self._known("authenticate", await self._call("authenticate", username, password, protocol))

    def _known(self, name: str, answer: Any) -> Known | None:
        """None and False mean nobody; an address, or a table with one, somebody; all else is a mistake."""
        if answer is None or answer is False:
            return None
        told = answer if isinstance(answer, dict) else {"address": answer}
        address, quota = told.get("address"), told.get("quota_octets")
        good = isinstance(address, str) and address_key(address) is not None
        if not good or not (quota is None or (type(quota) is int and 0 <= quota < _MAX_QUOTA)):
            _log.error("hook: %s answers with what is no address: %s", name, type(answer).__name__)
            raise SourceDown(f"hook: {name} gave no usable answer")
        assert isinstance(address, str)
        return Known(address, quota)

    async def _call(self, name: str, *values: str) -> Any:
        function = getattr(self._module, name)
        current = asyncio.current_task()
        before = current.cancelling() if current is not None else 0
        try:
            async with asyncio.timeout(self._settings.hook_timeout_seconds):
                if inspect.iscoroutinefunction(function):
                    return await function(*values)
                return await self._in_thread(name, function, values)
        except TimeoutError as error:
            _log.error("hook: %s had no answer in time", name)
            raise SourceDown(f"hook: {name} took too long") from error
        except asyncio.CancelledError as error:
            if current is not None and current.cancelling() > before:
                raise  # it is we who are cancelled
            raise self._failed(name, error) from None
        except SourceDown:
            raise
        except BaseException as error:  # exits too: it is only the hook that ends
            raise self._failed(name, error) from None

    def _failed(self, name: str, error: BaseException) -> SourceDown:
        """Where it happened, and not what the error says: the words are the hook's and may hold a password."""
        place = ""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._settings.hook_file:
                place = f" in line {trace.tb_lineno}"
            trace = trace.tb_next
        _log.error("hook: %s raised %s%s", name, type(error).__name__, place)
        return SourceDown(f"hook: {name} raised {type(error).__name__}{place}")

    async def _in_thread(self, name: str, function: Callable[..., Any], values: tuple[str, ...]) -> Any:
        """In a thread that nothing waits for at the end, should it hang."""
        if self._waiting >= self._settings.max_waiting:
            raise SourceDown("hook: too many calls wait for a thread")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def end(answer: Any, error: BaseException | None) -> None:
            self._slots.release()
            if not ended.done():  # somebody may have given up waiting
                ended.set_result((answer, error))

        def work() -> None:
            try:
                answer, error = function(*values), None
            except BaseException as raised:  # exits too: it is only the hook that ends
                answer, error = None, raised
            with contextlib.suppress(RuntimeError):  # the server has ended before
                loop.call_soon_threadsafe(end, answer, error)

        threading.Thread(target=work, name="postroom-hook", daemon=True).start()
        answer, error = await ended
        if error is not None:
            raise self._failed(name, error)
        return await answer if inspect.isawaitable(answer) else answer


def _load(path: str) -> ModuleType:
    """The file as a module. Raises HookUnusable."""
    try:
        if not Path(path).is_file():
            raise HookUnusable(text=f"directory.hook_file: {path} is no file")
        spec = importlib.util.spec_from_file_location(_MODULE, path)
        if spec is None or spec.loader is None:
            raise HookUnusable(text=f"directory.hook_file: {path} is no Python file: its name should end with .py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except HookUnusable as error:
        raise HookUnusable(error.text, text=error.text) from None
    except (Exception, SystemExit) as error:
        text = f"directory.hook_file: {path}: {type(error).__name__}: {error}"
        raise HookUnusable(text, text=text) from error
    for name in (*NEEDED, *POSSIBLE):
        if not callable(getattr(module, name, None)) and (name in NEEDED or hasattr(module, name)):
            text = f"directory.hook_file: {path} has no function {name}"
            raise HookUnusable(text, text=text)
    return module
