"""The limits of a service."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ServiceSettings(BaseModel):
    """Limits of a service; every one is checked before any work is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(1, ge=1, le=64, description="model processes, of one thread each")
    queue_products: int = Field(256, ge=1, description="products that may wait; more get a 429")
    queue_requests: int = Field(
        128, ge=1, description="requests that may wait or be computed; more get a 429"
    )
    max_products: int = Field(32, ge=1, description="products of one request")
    max_batch: int = Field(
        256, ge=1, description="products that a worker computes together, if that is quick"
    )
    max_explanations: int = Field(2, ge=1, description="explanations that may wait or run at once")
    max_requests: int = Field(512, ge=1, description="requests that may be open at once")
    max_body_bytes: int = Field(2_000_000, ge=1_000, description="bytes of one request")
    body_seconds: float = Field(10, gt=0, description="time for a request's body to arrive")
    deadline_seconds: float = Field(30, gt=0, description="time for an answer, where none is given")
    batch_seconds: float = Field(60, gt=0, description="a worker that takes longer has hung")
    heartbeat_seconds: float = Field(4, gt=0, description="a worker silent for longer has hung")
    load_seconds: float = Field(300, gt=0, description="time for a worker to load the model")
    drain_delay_seconds: float = Field(
        2, ge=0, description="between telling that the service ends and taking no more requests"
    )
    drain_seconds: float = Field(10, gt=0, description="time for waiting requests, at the end")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        # a request that never fits would be told to try again for ever
        if self.max_products > self.queue_products:
            raise ValueError(
                f"max_products is {self.max_products}, more than the {self.queue_products} that "
                "may wait; raise queue_products"
            )
        return self
