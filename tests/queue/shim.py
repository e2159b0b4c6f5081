"""A disk that counts what is asked of it, and fails when told to."""

import apsw


class DiskCalls:
    """Counters, and the number of the call that fails (0: none; negative: that one and all after it)."""

    def __init__(self) -> None:
        self.syncs = 0
        self.calls = 0
        self.fail_at = 0

    def call(self) -> None:
        self.calls += 1
        if (self.fail_at and self.calls == self.fail_at) or (self.fail_at < 0 and self.calls >= -self.fail_at):
            raise apsw.FullError("told to fail")


class ShimFile(apsw.VFSFile):
    def __init__(self, disk: DiskCalls, name: object, flags: list[int]) -> None:
        super().__init__("unix", name, flags)  # type: ignore[arg-type]
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.call()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.call()
        self._disk.syncs += 1
        super().xSync(flags)


class Shim(apsw.VFS):
    """Register it as the default; SQLite then opens its files through it."""

    def __init__(self, disk: DiskCalls, name: str = "postroom-test") -> None:
        super().__init__(name, "unix", makedefault=True)
        self._disk = disk

    def xOpen(self, name: object, flags: list[int]) -> ShimFile:  # noqa: N802
        return ShimFile(self._disk, name, flags)
