"""A stream of server-sent events that ends in order also when its server does."""

from sse_starlette import EventSourceResponse
from starlette.types import Message, Receive, Scope, Send


class EventStream(EventSourceResponse):
    """What sse-starlette does, and a last chunk when the server ends before the stream.

    Without it the reader sees a broken connection, and uvicorn logs an error for each.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        over = False

        async def noting_the_end(message: Message) -> None:
            nonlocal over
            await send(message)
            over = message["type"] == "http.response.body" and not message.get("more_body", False)

        await super().__call__(scope, receive, noting_the_end)
        if not over:  # to a reader that has left, uvicorn sends nothing
            await send({"type": "http.response.body", "body": b"", "more_body": False})
