"""Delivery of a message to mail, chat and webhooks by apprise; the addresses hold secrets and are never shown."""

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, OverflowMode

from driftscan.model.text import shown

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{1,30}):/")
_BETWEEN = re.compile(r"[/:@?&=#,;+\s]+")  # what parts the words of a URL
_REASON = 160  # characters of what a service said


def send(urls: Sequence[str], title: str, body: str) -> list[str]:
    """Send a plain text to each URL as apprise knows them; return a line for each that did not take it.

    A body that is too long for a service is cut. An error names scheme and host only, and no word of the rest of the
    URL; the host is left out where a token stands in its place (slack, discord …).
    """
    return [error for url in urls if (error := _send(url.strip(), title, body))]


def _send(url: str, title: str, body: str) -> str:
    with _heard() as said:
        service = _service(url)
        if service is None:
            return f"{_name(url, None)}: this is no address that can be notified{_reason(url, None, said)}"
        if "overflow=" not in url:
            service.overflow_mode = OverflowMode.TRUNCATE
        asset = service.asset
        done = Apprise([service], asset=asset).notify(title=title, body=body, body_format=NotifyFormat.TEXT)
        return "" if done else f"{_name(url, service)}: the message was not taken{_reason(url, service, said)}"


def _service(url: str) -> NotifyBase | None:
    """Return what sends to `url`, None where nothing knows how."""
    asset = AppriseAsset(app_id="driftscan", app_desc="driftscan", app_url="", async_mode=False)
    service = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return service if isinstance(service, NotifyBase) else None


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what apprise logs, which may hold secrets, and let none of it reach another log or the terminal."""
    said: list[str] = []
    logger = logging.getLogger("apprise")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    before = logger.propagate, logger.handlers
    logger.propagate, logger.handlers = False, [handler]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its plugins are loaded here, and some use what is deprecated
            yield said
    finally:
        logger.propagate, logger.handlers = before


def _name(url: str, service: NotifyBase | None) -> str:
    """Return scheme and host of an address; what apprise masks, or takes for something else, is no host."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "an address without a scheme"
    host = _host(service)
    return f"{scheme[1].lower()}://{shown(host) or '…'}"


def _host(service: NotifyBase | None) -> str:
    host = str(getattr(service, "host", "") or "")
    templates: Sequence[str] = service.templates if service else ()
    if service is None or not any("{host}" in template for template in templates):
        return ""
    try:
        masked = urlsplit(service.url(privacy=True)).hostname
    except ValueError:
        return ""
    return host if masked == host.lower() else ""


def _reason(url: str, service: NotifyBase | None, said: Sequence[str]) -> str:
    """Return the first thing that was logged as `: reason`, without any word of the address but its host."""
    if not said:
        return ""
    host = _host(service)
    rest = url.partition("://")[2] or url
    words = {word for text in (rest, unquote(rest)) for word in _BETWEEN.split(text) if len(word) > 2 and word != host}
    told = said[0].partition("\n")[0]
    for word in sorted(words, key=len, reverse=True):
        told = re.sub(re.escape(word), "***", told, flags=re.IGNORECASE)
    return f": {shown(told)[:_REASON]}" if told else ""
