"""The carriers of a run: devices, not mocks. A relay takes mails; a gateway takes SMS and can be asked what became of them."""

from __future__ import annotations

import asyncio

from alerts.channels import Never, Outcome, Sent, TryLater, Unknown
from tests.simulation.faults import Faults, Plug
from tests.simulation.model import Model
from tests.simulation.world import World


class Relay:
    """Takes a message, or not, and says so, or not."""

    def __init__(self, channel: str, world: World, faults: Faults, model: Model) -> None:
        self.channel, self.out = channel, False
        self.plug: Plug  # of the process that speaks to it now
        self._world, self._faults, self._model = world, faults, model

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        for _ in range(self._world.chance.randrange(3)):  # hand-offs that are under way together overtake each other
            await asyncio.sleep(0)
        self.plug.check()
        self._model.offered(notice, self.channel)
        strikes = self._faults.strikes
        if strikes("crash before hand-off"):
            self._say("the process dies before the hand-off of", notice)
            self.plug.pull()
        if self.out or strikes("carrier cannot be reached"):
            return self._answer(notice, TryLater("connect: timed out"))
        if strikes("carrier wants it later"):
            return self._answer(notice, TryLater("DATA: 451 4.3.0 later", self._world.chance.choice((0, 900))))
        if strikes("carrier refuses"):
            self._model.refused.add(notice)
            return self._answer(notice, Never("RCPT: 550 5.1.1 no such mailbox"))
        return self._take(address, notice, payload)

    def _take(self, address: str, notice: str, payload: bytes) -> Outcome:
        self._model.delivered(self.channel, address, notice, payload)
        strikes = self._faults.strikes
        if strikes("crash in hand-off"):
            self._say("the process dies before it hears that this was taken:", notice)
            self.plug.pull()
        if strikes("reply lost"):
            self._model.doubts[notice] += 1
            return self._answer(notice, Unknown("dot: connection lost"))
        if strikes("carrier breaks its promise"):
            self._model.doubts[notice] += 1
            raise RuntimeError("uji")
        return self._answer(notice, Sent(f"250 taken {len(self._model.deliveries)}"))

    def _answer(self, notice: str, outcome: Outcome) -> Outcome:
        self._say(f"answers {type(outcome).__name__} to", notice)
        return outcome

    def _say(self, what: str, notice: str) -> None:
        self._world.say(f"{self.channel}: {what} {notice}")


class Gateway(Relay):
    """Says yes and may give up later; knows by then what it delivered."""

    def __init__(self, channel: str, world: World, faults: Faults, model: Model) -> None:
        super().__init__(channel, world, faults, model)
        self._gave_up: dict[str, Outcome] = {}

    def _take(self, address: str, notice: str, payload: bytes) -> Outcome:
        if self._faults.strikes("carrier gives up later"):
            for_good = self._world.chance.random() < 0.3
            self._gave_up[notice] = Never("DeliveryFailed") if for_good else TryLater("SendingError")
            if for_good:
                self._model.refused.add(notice)
            return self._answer(notice, Sent("outbox"))
        self._gave_up.pop(notice, None)
        return super()._take(address, notice, payload)

    async def status(self, notice: str) -> Outcome | None:
        self.plug.check()
        if outcome := self._gave_up.get(notice):
            return outcome
        delivered = any(d.notice == notice for d in self._model.deliveries)
        return Sent("sentitems") if delivered and self._world.chance.random() < 0.7 else None
