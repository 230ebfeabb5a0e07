"""Google's Secret Manager, as far as secrets are written and read: a gRPC server that its official client talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud.secretmanager_v1.services.secret_manager_service import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)
from google.cloud.secretmanager_v1.types import resources, service
from google.protobuf import empty_pb2

from tests.harness.ports import LOOPBACK

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


@dataclass
class StandIn:
    """What the server holds.

    :param annotations: of each secret, by its name.
    :param versions: the payloads of each secret.
    :param states: of each secret whose newest version cannot be read: ``DISABLED`` or ``DESTROYED``.
    :param lag: how many further reads of ``latest`` do not see a version that was added, as its promise is a late one.
    :param denied: the methods that are not allowed.
    """

    address: str = ""
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, list[bytes]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    lag: int = 0
    _unseen: int = 0
    denied: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def client(self) -> SecretManagerServiceClient:
        """Return Google's own client, over a channel to this server."""
        channel = grpc.insecure_channel(self.address)
        transport = SecretManagerServiceGrpcTransport(channel=channel, credentials=AnonymousCredentials())
        return SecretManagerServiceClient(transport=transport)

    # The methods, by Google's names.

    def CreateSecret(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Create a secret without a version."""
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self.annotations:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "exists")
        self.annotations[name] = dict(request.secret.annotations)
        self.versions[name] = []
        return self._secret(name)

    def GetSecret(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Describe a secret."""
        self._there(request.name, context)
        return self._secret(request.name)

    def UpdateSecret(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Replace the annotations."""
        self._there(request.secret.name, context)
        assert list(request.update_mask.paths) == ["annotations"]
        self.annotations[request.secret.name] = dict(request.secret.annotations)
        return self._secret(request.secret.name)

    def AddSecretVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Add a version."""
        self._there(request.parent, context)
        self.versions[request.parent].append(request.payload.data)
        self.states.pop(request.parent, None)
        self._unseen = self.lag
        return resources.SecretVersion(name=f"{request.parent}/versions/{len(self.versions[request.parent])}")

    def AccessSecretVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give back the latest version."""
        name = request.name.removesuffix("/versions/latest")
        self._there(name, context)
        versions = self.versions[name]
        if self._unseen:
            self._unseen -= 1
            versions = versions[:-1]
        if not versions:
            context.abort(grpc.StatusCode.NOT_FOUND, "no version")
        if name in self.states:
            said = f"Secret Version [{name}/versions/{len(versions)}] is in {self.states[name]} state."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, said)
        payload = resources.SecretPayload(data=versions[-1])
        return service.AccessSecretVersionResponse(name=request.name, payload=payload)

    def DeleteSecret(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remove a secret."""
        self._there(request.name, context)
        del self.annotations[request.name], self.versions[request.name]
        return empty_pb2.Empty()

    def _secret(self, name: str) -> resources.Secret:
        return resources.Secret(name=name, annotations=self.annotations[name])

    def _there(self, name: str, context: Any) -> None:
        if name not in self.annotations:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such secret")

    def handler(self, method: str, request: Any, answer: Any) -> grpc.RpcMethodHandler:
        """Return how gRPC is to call one of the methods."""

        def call(message: Any, context: Any) -> Any:
            self.asked.append(method)
            if method in self.denied:
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "denied")
            return getattr(self, method)(message, context)

        serialize: Callable[[Any], bytes] = answer.SerializeToString if answer is empty_pb2.Empty else answer.serialize
        return grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=request.deserialize, response_serializer=serialize
        )


_METHODS = {
    "CreateSecret": (service.CreateSecretRequest, resources.Secret),
    "GetSecret": (service.GetSecretRequest, resources.Secret),
    "UpdateSecret": (service.UpdateSecretRequest, resources.Secret),
    "AddSecretVersion": (service.AddSecretVersionRequest, resources.SecretVersion),
    "AccessSecretVersion": (service.AccessSecretVersionRequest, service.AccessSecretVersionResponse),
    "DeleteSecret": (service.DeleteSecretRequest, empty_pb2.Empty),
}


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Serve on a free loopback port."""
    held = StandIn()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    handlers = {name: held.handler(name, *kinds) for name, kinds in _METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    held.address = f"{LOOPBACK}:{server.add_insecure_port(f'{LOOPBACK}:0')}"
    server.start()
    try:
        yield held
    finally:
        server.stop(grace=0).wait()
