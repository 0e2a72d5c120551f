"""All the state of one tenant, and all the tenants."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Inferred, based_on
from leomock.state.account import Account
from leomock.state.bucket.budget import FileBudget
from leomock.state.clock import Clock
from leomock.state.ids import Ids, stable, user_id_of
from leomock.state.jobs import Job, Jobs
from leomock.state.journal import Journal
from leomock.state.journal_budget import JournalBudget
from leomock.state.limits import IMAGES, Limits, Queue
from leomock.state.outbox import NO_TARGET, Outbox, Target
from leomock.state.render_cache import RENDERED
from leomock.state.scenario import MatchContext, RuleEffects, Scenario, ScenarioEngine
from leomock.state.settings import Settings
from leomock.state.table import Id, Row, Table

if TYPE_CHECKING:
    from leomock.state.bucket.storage import Bucket

REGION = "us-east-1"

MakeClock = Callable[[], Clock]
Announce = Callable[["World", Row, float], None]


class World:
    """The state of one API key: the same seed, key and calls give the same ids, times and bytes.

    `make_clock` makes the clock at the start and at every reset. `scenarios` are active from then on.
    `announce` puts an event into the outbox when a job has ended. `cdn` is the base URL of this tenant's
    pictures in its last call. `furnish` adds what the account already has. Hold `lock`
    while reading or changing anything.
    """

    def __init__(
        self,
        key: str,
        settings: Settings,
        make_clock: MakeClock = Clock,
        scenarios: Sequence[Scenario] = (),
        announce: Announce | None = None,
        webhook: Target = NO_TARGET,
        journal_budget: JournalBudget | None = None,
        file_budget: FileBudget | None = None,
        furnish: Callable[[World], None] | None = None,
    ) -> None:
        self.key = key
        self.settings = settings
        self.lock = threading.RLock()
        self.user_id = user_id_of(settings.seed, key)
        self._make_clock = make_clock
        self._scenarios = scenarios
        self._announce = announce
        self._webhook = webhook
        self._journal_budget = journal_budget
        self._file_budget = file_budget
        self._furnish = furnish
        self.cdn = ""
        self.note = ""  # an explanation of the row that the current call read
        self.last_used = 0
        self.reset()

    def reset(self) -> None:
        """Return to the initial state, with the initial user, credentials, scenarios and sequence of ids."""
        settings, key = self.settings, self.key
        RENDERED.forget(self.user_id)
        self.clock = self._make_clock()
        self.random = Random(stable("world", settings.seed, key))
        self.ids = Ids(self.random, settings.ids, self._now)
        # A separate random generator, so that a scenario does not change the ids.
        self.scenario_engine = ScenarioEngine(
            lambda: Random(stable("script", settings.seed, key)), self._scenarios
        )
        self.limits = Limits(self.clock) if settings.limits == "real" else None
        self.jobs = Jobs(settings.pace, self.clock, self._ended, limited=self.limits is not None)
        self.account = Account(
            self.user_id, settings.credits, settings.plan_credits, settings.unit, self._now
        )
        # A separate id generator: a webhook must not change the ids of generations.
        self.outbox = Outbox(
            lambda: Ids(Random(stable("events", settings.seed, key)), "v4", self._now),
            self.clock,
            self.scenario_engine.drawn,
        )
        self.outbox.target = self._webhook
        self.journal = Journal(
            settings.journal, most_bytes=settings.journal_bytes, budget=self._journal_budget
        )
        self.generations = Table()  # images, videos and everything else that v2 generates
        self.init_images = Table()
        self.variations = Table()
        self.motion_variations = Table()
        self.textures = Table()
        self.datasets = Table()
        self.models = Table()
        self.elements = Table()
        self.models_3d = Table()
        self.media = Table()
        self.blueprint_executions = Table()
        self._bucket: Bucket | None = None
        if self._furnish:
            self._furnish(self)

    @property
    def bucket(self) -> Bucket:
        """The bucket for uploads; it is made, and its code loaded, when it is first needed."""
        if self._bucket is None:
            from leomock.state.bucket.storage import Bucket

            settings, key = self.settings, self.key
            self._bucket = Bucket(
                name=bucket_name(self.user_id),
                region=REGION,
                access_key_id="LEOMOCK" + stable("access", settings.seed, key, size=7).hex().upper()[:13],
                secret_access_key=stable("secret", settings.seed, key, size=20).hex(),
                session_token=stable("token", settings.seed, key, size=48).hex(),
                now=self._now,
                max_bytes=settings.max_upload,
                max_total=settings.max_stored,
                budget=self._file_budget,
                accepts_chunked=settings.chunked_uploads == "accept",
                fault=self._upload_fault,
                lock=self.lock,
            )
        return self._bucket

    def tables(self) -> dict[str, Table]:
        """Return the tables of this world by name."""
        return {name: table for name, table in vars(self).items() if isinstance(table, Table)}

    def begin(self, table: Table, row: Row, price: int = 0, queue: Queue = IMAGES, slow: float = 1) -> None:
        """Store a new row and start its job; raises ApiError if the queue is full or credits are missing.

        `price` is in credits; `slow` is the duration as a multiple of an image's.
        """
        if self.limits:
            self.limits.check_queue(queue, self.jobs.waiting(queue))
        self.account.spend(price)
        table.add(row)
        self.jobs.start(row, queue, price, slow)

    @based_on(Inferred("null for an id that does not exist, as Hasura returns for a row by its key"))
    def read(self, table: Table, id: Id) -> Row | None:
        """Return the row with this id, or None. Its job counts this as a read."""
        row = table.get(id)
        if row is not None:
            if self.jobs.was_read(row):
                pictures = ", no pictures yet" if table is self.generations else ""
                self.note = f"PENDING{pictures}; {self.jobs.waits_for(row)}"
            elif "failed_by" in row:
                self.note = f"FAILED (scenario rule {row['failed_by']})"
        return row

    @based_on(
        Inferred("newest first: the order is not documented, but clients treat pages as newest first"),
        Chosen("another user's id returns an empty list: the real response is not known"),
    )
    def page(self, table: Table, user_id: str, offset: int = 0, limit: int | None = None) -> list[Row]:
        """Return at most `limit` of a user's rows, newest first, and count a read of each; else []."""
        if user_id != self.user_id:
            self.note = f"no rows: this key's user is {self.user_id} (GET /me), not {user_id[:60]}"
            return []
        rows = table.page(offset, len(table) if limit is None else limit)
        if self.jobs:
            for row in rows:
                self.jobs.was_read(row)
        return rows

    @based_on(
        Inferred("null, as Hasura returns when a delete by key finds no row"),
        Chosen(
            "its file is deleted with it at once, and a job that is still running ends without an event or "
            "a refund"
        ),
    )
    def remove(self, table: Table, id: Id) -> Row | None:
        """Remove a row with its job and its uploaded file; None if the id is unknown."""
        row = table.remove(id)
        if row is not None:
            self.jobs.drop(row)
            if "key" in row:
                self.bucket.objects.pop(row["key"], None)
        return row

    def _now(self) -> float:
        return self.clock.now()

    # --- time ----------------------------------------------------------------------------------------

    def settle(self) -> list[Row]:
        """Finish the jobs that are due and return their rows."""
        return self.jobs.settle()

    def next_due(self) -> float | None:
        """Return the time of the next due job or event, or None."""
        dues = (self.jobs.next_due(), self.outbox.next_due())
        return min((due for due in dues if due is not None), default=None)

    def step(self, until: float = math.inf) -> list[Row] | None:
        """Advance the clock to the next due job or event, at most to `until`, and settle it.

        Returns the rows whose jobs ended (an empty list if only an event was due), or None if nothing is due.
        """
        due = self.next_due()
        if due is None or due > until:
            return None
        self.clock.advance(max(0.0, due - self.clock.now()))
        return self.settle()

    # --- scenarios -----------------------------------------------------------------------------------

    def apply_rules(self, context: MatchContext, more: Sequence[Scenario] = ()) -> RuleEffects | None:
        """Apply the active scenarios and `more` to a context; None if no rule matches."""
        if not more and not self.scenario_engine.scenarios:
            return None
        return self.scenario_engine.apply_rules(context, more)

    def set_webhook(self, url: str, key: str) -> None:
        """Send events there from now on, also after a reset; an empty url turns them off."""
        self.set_target(self._webhook.at(url, key))

    def set_target(self, target: Target) -> None:
        """Send events to a target from now on, also after a reset."""
        self._webhook = self.outbox.target = target

    def _upload_fault(self, requested: Sequence[Scenario] = (), request: str = "") -> RuleEffects | None:
        with self.lock:
            return self.apply_rules(MatchContext("upload", request=request), requested)

    def _ended(self, job: Job, moment: float) -> None:
        """Refund a failed job and announce the end of any job."""
        if job.outcome.status == "FAILED":
            self.account.give_back(job.price)
        if self._announce and self.outbox.url:
            self._announce(self, job.row, moment)


def bucket_name(user_id: str) -> str:
    """Return the name of a user's bucket."""
    return f"leomock-{user_id[:8]}"
