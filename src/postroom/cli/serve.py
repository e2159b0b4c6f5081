"""`postroom serve`: run the server until SIGTERM; SIGHUP reloads.

Owns: signals, the event loop, giving up root. Never: builds parts (app does). Raises: Refusal.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from postroom.app import App, StartFailed
from postroom.base import log
from postroom.config import Config, ConfigError, load

from .options import config_option, read_settings, settings_path
from .outcome import Refusal
from .privileges import drop_privileges, give_data, notify, take_descriptors

_log = logging.getLogger("postroom.serve")


def run_server(config: Config, path: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartFailed. `path` is read again at SIGHUP."""
    take_descriptors()
    app = App(config)
    app.prepare()
    if config.process.user:
        config.data.mkdir(parents=True, exist_ok=True)
        give_data(config.data, config.process.user, config.process.group)
        drop_privileges(config.process.user, config.process.group)
    with new_loop() as runner:
        runner.run(serve_until_stopped(app, path))


def new_loop() -> "asyncio.Runner":
    """uvloop where it exists: an idle TLS connection costs a tenth of the memory there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def serve_until_stopped(app: App, path: Path | None, then: Callable[[], Awaitable[None]] | None = None) -> None:
    """Start a prepared app, do `then`, wait for the signal, stop it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload, app, path)
    try:
        await app.start()
        calm_garbage_collection()
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


def reload(app: App, path: Path | None) -> None:
    """SIGHUP: the certificate and the log's level and form at once; what needs a restart is named."""
    notify("RELOADING=1")
    app.reload_certificate()
    if path is not None:
        try:
            config = load(path)
        except ConfigError as error:
            _log.error("settings not reloaded:\n%s", error)
        else:
            log.configure(config.log.level, config.log.format)
            for name in app.take_settings(config):
                _log.warning("%s has changed; it takes effect at the next start", name)
            _log.info("settings reloaded from %s", path)
    notify("READY=1")


@click.command(epilog="Example: postroom serve --config /etc/postroom/postroom.toml")
@config_option
def serve(config_path: Path | None) -> None:
    """Run the server in the foreground.

    SIGTERM stops it cleanly: sessions are told, what is under way ends. SIGHUP reads certificate and settings again.
    """
    config = read_settings(config_path)
    log.configure(config.log.level, config.log.format)
    try:
        run_server(config, settings_path(config_path))
    except StartFailed as error:
        raise Refusal(str(error)) from error
