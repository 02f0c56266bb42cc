"""What the routes answer from: the night that is open now, and what keeps a newer one away."""

import datetime as dt

from fastapi import HTTPException

from warehouse.serve.open_night import OpenNight


class Desk:
    """The night that answers now, and why it could not be followed by a newer one."""

    def __init__(self, opened: OpenNight | None) -> None:
        self.held = opened  # None until the first night is there
        self.trouble: str | None = None

    @property
    def open(self) -> OpenNight:
        """The night that answers; status 503 where there is none yet."""
        if self.held is None:
            raise HTTPException(503, self.trouble or "there is no night yet: run one first")
        return self.held

    @property
    def age_days(self) -> int:
        """Days from the night to today (UTC)."""
        return (dt.datetime.now(dt.UTC).date() - self.open.night.run_date).days
