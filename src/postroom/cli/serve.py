"""`postroom serve`: run the server until SIGTERM; SIGHUP reloads.

Owns: signals, the event loop, giving up root, what the parent of several workers does. Never: builds parts (app does).
Raises: Refusal.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from postroom.app import App, Ground, StartFailed
from postroom.base import SystemClock, SystemIds, WorkerPlace, log
from postroom.base.heap import keep_large_buffers_apart
from postroom.config import Config, ConfigError, load

from .options import config_option, read_settings, settings_path
from .outcome import Refusal
from .privileges import drop_privileges, give_data, notify, take_descriptors
from .supervisor import Line, Supervisor, WorkerFailed

_log = logging.getLogger("postroom.serve")
_SWITCH_SECONDS = 0.001


def run_server(config: Config, path: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartFailed. `path` is read again at SIGHUP."""
    take_descriptors()
    workers = config.process.worker_count
    app = App(config)
    app.prepare()
    parent = _Parent(app, workers, path) if workers > 1 else None
    if config.process.user:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        give_data(config.data, config.process.user, config.process.group)
        drop_privileges(config.process.user, config.process.group)
    elif os.geteuid() == 0:
        _log.warning("the server runs as root; set process.user to the user that it shall be once its ports are open")
    if parent is not None:
        parent.run()
        return
    with new_loop() as runner:
        runner.run(serve_until_stopped(app, path))


class _Parent:
    """Of several workers: what it has opened they serve. supervisor.Watcher and supervisor.Work."""

    def __init__(self, app: App, count: int, path: Path | None) -> None:
        self._app = app  # has the addresses; never started
        self._path = path
        self._config = app.config  # as last read
        started_at = app.clock.now()
        self._workers = [App(app.config, place=WorkerPlace(number, count, started_at)) for number in range(count)]
        for worker in self._workers:
            worker.prepare_beside(app)

    def run(self) -> None:
        """Raises StartFailed."""
        log.speak_as("parent")
        config, clock = self._app.config, SystemClock()
        self._ground = Ground(config, len(self._workers), clock, SystemIds())
        calm_garbage_collection()
        try:
            Supervisor(len(self._workers), self.serve, self, config.process, clock).run()
        except WorkerFailed as error:
            raise StartFailed(str(error)) from error
        finally:
            self._app.unbind()
            self._ground.release()
        _log.info("stopped")

    # ---- in a worker

    def serve(self, number: int, line: Line) -> None:
        """supervisor.Work"""
        log.speak_as(f"worker-{number}")
        os.environ.pop("NOTIFY_SOCKET", None)  # how far the server is, its parent tells
        app = self._workers[number]
        for other in (self._app, *self._workers):
            if other is not app:
                other.let_go()

        async def up() -> None:
            app.certificates.reload()  # it may be a newer one than the parent's
            app.take_settings(self._config)
            _log.info("up as process %d", os.getpid())
            line.up()

        try:
            with new_loop() as runner:
                runner.run(serve_until_stopped(app, self._path, then=up, reloaded=line.reloaded))
        except StartFailed as error:
            line.failed(str(error))

    # ---- supervisor.Watcher

    def ready(self) -> None:
        _log.info("%d workers are up", len(self._workers))
        self._app.announce()
        notify("READY=1")

    def gone(self, number: int) -> None:
        self._ground.forget(number)

    def reload(self) -> None:
        notify("RELOADING=1")
        self._config = read_again(self._path) or self._config
        for name in self._app.take_settings(self._config):
            _log.warning("%s has changed; it takes effect at the next start", name)

    def reloaded(self) -> None:
        notify("READY=1")

    def stopping(self) -> None:
        notify("STOPPING=1")
        _log.info("stopping")


def new_loop() -> "asyncio.Runner":
    """uvloop where it exists: an idle TLS connection costs a tenth of the memory there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    keep_large_buffers_apart()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def serve_until_stopped(
    app: App,
    path: Path | None,
    then: Callable[[], Awaitable[None]] | None = None,
    reloaded: Callable[[], None] = lambda: None,
) -> None:
    """Start a prepared app, do `then`, wait for the signal, stop it. `reloaded` is called after each SIGHUP."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def reload_and_tell() -> None:
        reload(app, path)
        reloaded()

    loop.add_signal_handler(signal.SIGHUP, reload_and_tell)
    try:
        await app.start()
        calm_garbage_collection()
        share_the_interpreter()
        notify("READY=1")
        if then is not None:
            await then()
        await stop.wait()
        notify("STOPPING=1")
        _log.info("stopping")
    finally:
        await app.stop()
    _log.info("stopped")


def calm_garbage_collection() -> None:
    """Keep the collector from stopping every session for tens of milliseconds.

    Modules, classes and settings, some 50,000 objects, live as long as the process: looking through them took 27 ms in
    each full collection, so they are set aside. Objects that mail makes hardly ever form cycles: reference counts free
    them, and the youngest generation need not be looked at after every 700 of them, in the middle of one FETCH.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def share_the_interpreter() -> None:
    """Let the event loop have the interpreter back soon from a thread that computes (the search index, large reads).

    With Python's own 5 ms one fetch of everything beside one search makes others wait for 20 ms now and then.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


def reload(app: App, path: Path | None) -> None:
    """SIGHUP: the certificate and the log's level and form at once; what needs a restart is named."""
    notify("RELOADING=1")
    app.certificates.reload()
    if (config := read_again(path)) is not None:
        for name in app.take_settings(config):
            if app.place.alone:  # else the parent says it, once
                _log.warning("%s has changed; it takes effect at the next start", name)
    notify("READY=1")


def read_again(path: Path | None) -> Config | None:
    """The settings in the file as it is now, those of the log in force; None, and logged, when they can't be used."""
    if path is None:
        return None
    try:
        config = load(path)
    except ConfigError as error:
        _log.error("settings not reloaded:\n%s", error)
        return None
    log.configure(config.log.level, config.log.format)
    _log.info("settings reloaded from %s", path)
    return config


@click.command(epilog="Example: postroom serve --config /etc/postroom/postroom.toml")
@config_option
def serve(config_path: Path | None) -> None:
    """Run the server in the foreground.

    SIGTERM stops it cleanly: sessions are told, what is under way ends. SIGHUP reads certificate and settings again.
    With process.workers above 1 several processes serve; both signals go to the first one, their parent.
    """
    config = read_settings(config_path)
    log.configure(config.log.level, config.log.format)
    try:
        run_server(config, settings_path(config_path))
    except StartFailed as error:
        raise Refusal(str(error)) from error
