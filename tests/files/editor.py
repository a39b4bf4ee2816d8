"""What an editor says of the shipped files, and of a rule with mistakes, by the real yaml-language-server over its protocol:

    npm install --prefix /tmp/editor yaml-language-server
    python -m tests.files.editor /tmp/editor/node_modules/.bin/yaml-language-server

It needs node, so it is not part of `make test`; what it reads is: the schemas and the first line of every file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copytree
from typing import IO, Any

from tests.files.modelines import RULES

MISTAKES = {  # in stay_expired.yaml
    "severity: critical": "severity: kritis",
    "owner: ": "ownr: ",
    "keep: 180d": "keep: 180 hari",
    "needs: [imigrasi]": "needs: [imigrasy]",
}


def send(to: IO[bytes], **message: Any) -> None:
    """One message of the language server protocol."""
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    to.flush()


def received(source: IO[bytes]) -> dict[str, Any]:
    """The next message of the server."""
    length = 0
    while (line := source.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    message: dict[str, Any] = json.loads(source.read(length))
    return message


def diagnosed(server: str, paths: list[Path], root: Path) -> dict[str, list[str]]:
    """The diagnostics of each file, `line:column text`."""
    with subprocess.Popen([server, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        options = {"yaml": {"validate": True, "schemaStore": {"enable": False}}}
        params = {"processId": None, "rootUri": root.as_uri(), "capabilities": {"workspace": {"configuration": True}}}
        send(process.stdin, id=1, method="initialize", params=params)
        found: dict[str, list[str]] = {}
        while len(found) < len(paths):
            message = received(process.stdout)
            if message.get("id") == 1 and "result" in message:
                send(process.stdin, method="initialized", params={})
                for path in paths:
                    text = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")}
                    send(process.stdin, method="textDocument/didOpen", params={"textDocument": text})
            elif message.get("method") == "workspace/configuration":
                asked = [options.get(item.get("section")) for item in message["params"]["items"]]
                send(process.stdin, id=message["id"], result=asked)
            elif message.get("method") == "textDocument/publishDiagnostics":
                found[message["params"]["uri"]] = [
                    f"{d['range']['start']['line'] + 1}:{d['range']['start']['character'] + 1} {d['message']}"
                    for d in message["params"]["diagnostics"]
                ]
            elif "id" in message and "method" in message:
                send(process.stdin, id=message["id"], result=None)
        process.kill()
    return found


def main() -> None:
    """Print what the editor says; fail where it calls a shipped file wrong, or overlooks a mistake."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        copytree(RULES, root)
        found = diagnosed(sys.argv[1], sorted(root.rglob("*.yaml")), root)
        wrong = {uri: said for uri, said in found.items() if said}
        print(f"{len(found)} shipped files, {len(wrong)} with diagnostics")
        for uri, said in wrong.items():
            print(uri.removeprefix(root.as_uri()), *said, sep="\n  ")
        (rule,) = root.rglob("stay_expired.yaml")
        text = rule.read_text("utf-8")
        for right, mistake in MISTAKES.items():
            text = text.replace(right, mistake)
        rule.write_text(text, "utf-8")
        (said,) = diagnosed(sys.argv[1], [rule], root).values()
        print("stay_expired.yaml with mistakes:", *said, sep="\n  ")
        sys.exit(bool(wrong) or len(said) < len(MISTAKES))


if __name__ == "__main__":
    main()
