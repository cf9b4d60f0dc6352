#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible endpoint with known opinions and known faults, for test_judge.sh.

Prints its port and then serves. --rule says what it thinks of two answers; --faults names what goes
wrong with the first try of each question, in turn of their arrival; --always names what goes wrong
with every try. Every request is a line of JSON in the log: question, order, fault, time.
"""
import argparse
import hashlib
import http.server
import itertools
import json
import re
import threading
import time

PARTS = re.compile(
    r"\A----- request begins -----\n(.*)\n----- request ends -----\n"
    r"----- answer A begins -----\n(.*)\n----- answer A ends -----\n"
    r"----- answer B begins -----\n(.*)\n----- answer B ends -----\n\Z", re.S)


def opinion(rule, a, b):
    if rule == "longer":
        return "[[A]]" if len(a) > len(b) else "[[B]]" if len(b) > len(a) else "[[C]]"
    return {"first": "[[A]]", "tie": "It is [[C]], yes: [[C]]", "mumble": "A is better.",
            "both": "[[A]] or [[B]]", "mark": "[[D]] [A] [[a]]"}[rule]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options):
        super().__init__(("127.0.0.1", 0), Handler)
        self.options = options
        self.lock = threading.Lock()
        self.seen = set()
        self.turn = itertools.cycle(options.faults.split(",")) if options.faults else None

    def fault_of(self, question):
        if self.options.always:
            return self.options.always
        if self.options.odd and int(question, 16) % 2:
            return self.options.odd
        if self.turn and question not in self.seen:
            return next(self.turn)
        return "none"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, headers=(), missing=0):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) + missing))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        if missing:
            self.wfile.flush()
            self.close_connection = True

    def refuse(self, status, said, headers=()):
        self.send(status, json.dumps({"error": {"message": said}}), headers)

    def do_GET(self):
        self.refuse(500, "a redirect was followed")

    def do_POST(self):
        options = self.server.options
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "")
        wrong = self.wrong_with(body)
        if wrong:
            with open(options.log, "a", encoding="utf-8") as log:
                log.write(json.dumps({"wrong": wrong}) + "\n")
            return self.refuse(400, wrong)
        told, asked = (message["content"] for message in body["messages"])
        request, a, b = PARTS.match(asked).groups()
        question = hashlib.sha256((told + asked).encode()).hexdigest()
        with self.server.lock:
            fault = self.server.fault_of(question)
            self.server.seen.add(question)
            with open(options.log, "a", encoding="utf-8") as log:
                log.write(json.dumps({"question": question, "request": request, "told": told,
                                      "fault": fault, "time": time.monotonic(),
                                      "path": self.path}) + "\n")
        time.sleep(options.delay)
        content = opinion(options.rule, a, b)
        if options.rule_says_key:
            content = "Your key is %s. %s" % (key, content)
        good = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant",
                                                                "content": content}}]})
        return self.reply(fault, good, key)

    def wrong_with(self, body):
        if not self.path.endswith("/v1/chat/completions"):
            return "path " + self.path
        if body["model"] != "the judge" or body["temperature"] != 0:
            return "model or temperature"
        if [message["role"] for message in body["messages"]] != ["system", "user"]:
            return "roles"
        if not PARTS.match(body["messages"][1]["content"]):
            return "parts"
        return None

    def reply(self, fault, good, key):
        if fault == "none":
            self.send(200, good)
        elif fault == "hang":
            time.sleep(30)
        elif fault == "429":
            self.refuse(429, "slowly", [("Retry-After", "1")])
        elif fault == "half":
            self.send(200, good[:len(good) // 2], missing=1000)
        elif fault == "json":
            self.send(200, good[:-2])
        elif fault == "nochoices":
            self.send(200, '{"object": "chat.completion", "choices": []}')
        elif fault == "null":
            self.send(200, '{"choices": [{"message": {"content": null}}]}')
        elif fault == "huge":
            self.send(200, good.replace("[[B]]", "[[A]]") + " " * (2 << 20))
        elif fault == "close":
            self.close_connection = True
        elif fault == "redirect":
            self.send(301, "", [("Location", self.path + "/elsewhere")])
        else:  # a status; what it says has the key, a control sequence and a line break
            self.refuse(int(fault), "no \x1b[31mto %s\nat all" % key)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("--rule", default="longer")
    parser.add_argument("--rule-says-key", action="store_true")
    parser.add_argument("--faults", default="")
    parser.add_argument("--always", default="")
    parser.add_argument("--odd", default="")
    parser.add_argument("--delay", type=float, default=0)
    server = Server(parser.parse_args())
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
