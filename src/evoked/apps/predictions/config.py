"""Settings of the prediction server."""

from evoked.core.settings import setting, settings

__all__ = ["ServeConfig"]


@settings
class ServeConfig:
    """What the server accepts, and how much of it at once."""

    workers: int = setting(1, "videos predicted at once, each in a process of its own", ge=1)
    threads: int = setting(0, "threads of each of them; 0: as many as there are cores", ge=0)
    max_upload_mb: float = setting(2000.0, "largest video that may be sent, in megabytes", gt=0)
    max_queue: int = setting(100, "videos that may wait, those still being sent included", ge=1)
    max_job_s: float = setting(3600.0, "seconds after which a prediction is stopped", gt=0)
    keep: int = setting(1000, "finished predictions that can be asked for; the oldest go first", ge=1)
