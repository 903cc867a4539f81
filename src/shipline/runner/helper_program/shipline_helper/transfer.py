"""Files over HTTP, both ways: with tries, redirects, and a limit on what is taken."""

import http.client
import os
import ssl
import tempfile
import time
import urllib.parse

CHUNK = 1 << 20
TIMEOUT_SECONDS = 600
REDIRECT_LIMIT = 5
DOWNLOAD_LIMIT = 20 * 1024 * 1024 * 1024
# 503 says "not now", so it is tried more often than what may be an error for good.
TRIES, BUSY_TRIES = 3, 6
PAUSE_SECONDS, PAUSE_LIMIT = 0.5, 5.0
FINAL = (400, 401, 403, 404, 405, 413)


class TooLarge(Exception):
    pass


def context(tls):
    """`tls` in PEM: `authority` to trust besides the machine's own, `certificate` and `key` to show; or None."""
    made = ssl.create_default_context()
    tls = tls or {}
    if tls.get("authority"):
        made.load_verify_locations(cadata=tls["authority"])
    if tls.get("certificate") and tls.get("key"):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(tls["certificate"] + "\n" + tls["key"])
            file.flush()
            made.load_cert_chain(file.name)
    return made


def connect(url, tls=None):
    parts = urllib.parse.urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_SECONDS, context=context(tls)), path
    if parts.scheme != "http":
        raise OSError(f"{parts.scheme!r} is no scheme for files")
    return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS), path


def host(url):
    """For the log: an address may be signed, which makes all but its host a secret."""
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]


def tries(attempt, pause=PAUSE_SECONDS):
    """Call `attempt` with its number until it gives a status that is final; the last status, 0 for none.

    Of an OSError (nobody answers, or not to the end) the sentence is printed.
    """
    status, number = 0, 0
    while True:
        try:
            status = attempt(number)
            if 200 <= status < 300 or status == 304 or status in FINAL:
                return status
        except OSError as error:
            print(f"WARNING: {error}")
            status = 0
        number += 1
        if number >= (BUSY_TRIES if status == 503 else TRIES):
            return status
        time.sleep(min(PAUSE_LIMIT, pause * 2 ** (number - 1)))


def trusted(tls):
    """For a server that another one named: it is not shown who we are."""
    return {"authority": tls["authority"]} if tls and tls.get("authority") else None


def moved(answer, url):
    """Where a redirect leads, or None. Never from https to http."""
    if answer.status not in (301, 302, 303, 307, 308):
        return None
    target = urllib.parse.urljoin(url, answer.getheader("Location", ""))
    if url.startswith("https:") and not target.startswith("https:"):
        raise OSError(f"{host(url)} redirects to an address without TLS")
    return target


def send(method, url, headers, pieces, length, tls=None, pause=PAUSE_SECONDS):
    """`pieces()` gives the body anew for each try. A redirect that keeps the method is followed with it."""
    place = [url]

    def attempt(_number):
        for _ in range(REDIRECT_LIMIT):
            connection, path = connect(place[0], tls)
            try:
                connection.request(
                    method, path, body=pieces(), headers={**headers, "Content-Length": str(length)}
                )
                answer = connection.getresponse()
                if answer.status not in (307, 308):
                    return answer.status
                place[0] = moved(answer, place[0])
            except http.client.HTTPException as error:
                raise OSError(f"{host(place[0])} answers with nonsense: {type(error).__name__}") from error
            finally:
                connection.close()
        raise OSError(f"{host(url)} redirects again and again")

    return tries(attempt, pause)


def file_pieces(file):
    file.seek(0)
    while piece := file.read(CHUNK):
        yield piece


def fetch(url, file, headers=None, tls=None, pause=PAUSE_SECONDS, direct=False, limit=DOWNLOAD_LIMIT):
    """GET into `file`. `headers` go to the first address only: where it redirects to needs none of them, and
    must not learn a token. `direct`: the first try asks for such a redirect."""

    def attempt(number):
        where, sent = url, dict(headers or {})
        if direct and number == 0:
            where += ("&" if "?" in where else "?") + "direct_download=true"
        first = where
        for _ in range(REDIRECT_LIMIT):
            connection, path = connect(where, tls if where is first else trusted(tls))
            try:
                connection.request("GET", path, headers=sent)
                answer = connection.getresponse()
                target = moved(answer, where)
                if target is None:
                    if answer.status == 200:
                        take(answer, file, limit)
                    if direct and number == 0 and where != first and answer.status in FINAL:
                        # What the second server refuses, the first may still give by itself.
                        return 502
                    return answer.status
                where, sent = target, {}
            except http.client.HTTPException as error:
                raise OSError(f"{host(where)} answers with nonsense: {type(error).__name__}") from error
            finally:
                connection.close()
        raise OSError(f"{host(url)} redirects again and again")

    return tries(attempt, pause)


def take(answer, file, limit):
    file.seek(0)
    file.truncate()
    expected, size = answer.length, 0
    while piece := answer.read(CHUNK):
        size += len(piece)
        if size > limit:
            raise TooLarge(f"more than {limit} bytes")
        file.write(piece)
    if expected is not None and size != expected:
        raise OSError(f"only {size} of {expected} bytes came")
    file.seek(0, os.SEEK_SET)
