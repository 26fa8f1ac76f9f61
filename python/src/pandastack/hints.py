"""What a caller can do about an error, where there is something that holds for every one of its code."""

HINTS: dict[str, str] = {
    "auth.missing_token": "pass api_key, or set PANDASTACK_API_KEY",
    "auth.invalid_token": "check api_key or PANDASTACK_API_KEY; `pandastack token create` makes a new one",
    "auth.token_revoked": "this token was revoked; ask an admin of the workspace for another",
    "auth.forbidden": "the token's role may not do this; use one with the role that the text names",
    "sandbox.not_found": "it was removed, perhaps for being idle (ttl_seconds), or belongs to another workspace",
    "sandbox.invalid_state": "look at sandbox.status; resume() a paused one, wake() a hibernated or failed one",
    "snapshot.not_found": "snapshots.list() shows what there is",
    "template.not_found": "templates.list() shows what there is",
    "template.not_ready": "it is being made; try again in a minute",
    "template.build_failed": "the build's log says why: templates.get_build(…).logs(), or pandastack template logs",
    "volume.not_found": "volumes.list() shows what there is",
    "validation.body_too_large": ("put what is large into a file with files.write() and name the file in the command"),
    "exec.timeout": "raise timeout_seconds, or run it in the background with commands.start()",
    "process.not_found": (
        "it ended a while ago, or was not started through the API; commands.list() shows what there is"
    ),
    "code.context_not_found": "it was deleted, or its sandbox was restarted; code.list_contexts() shows what there is",
    "code.too_many_contexts": "delete contexts that are not needed any more",
    "guest.too_many_processes": "wait for some of its commands to end",
    "file.no_space": "remove files in the sandbox",
    "capacity.unavailable": "the server is full at the moment; try again after retry_after_seconds",
    "capacity.insufficient_memory": "remove or hibernate sandboxes to free memory on the host",
    "capacity.insufficient_storage": "delete snapshots or sandboxes to free disk on the host",
    "quota.sandboxes_exceeded": "remove sandboxes of this workspace",
    "idempotency.conflict": "use a new idempotency_key for another request",
    "host.unavailable": "the machine behind the server is restarting; try again in a few seconds",
    "client.connection": "is the server running (npm start)? base_url or PANDASTACK_API_URL says where it is",
    "client.tls": (
        "a certificate of one's own: SSL_CERT_FILE=/path/to/ca.pem, or ssl_context; a server without TLS: base_url begins with "
        "http://"
    ),
    "client.bad_answer": "check base_url or PANDASTACK_API_URL: something else, or another version, answers there",
    "client.bad_url": "base_url or PANDASTACK_API_URL must look like http://127.0.0.1:8080",
    "client.timeout": "raise timeout_seconds; what was asked for may still happen",
    "client.git_missing": "install it (apt-get install git), or use a template that has it",
    "client.bad_pattern": "correct the pattern, or search for plain text with is_fixed",
    "client.build_failed": "the build's logs() say what its steps wrote",
    "client.not_text": "read_bytes() reads it as it is",
}
"""Code → hint. Codes of the server's registry, and this client's own: `client.*`."""
