"""Reports as plain lines: without HTML, Markdown and the line ends that exports write as words."""

import html
import re

# "\n" written as two characters, HL7's \.br\, Excel's _x000D_, vertical tabs and Unicode's own line ends
_LINE_ENDS = re.compile(r"\r\n?|\\r\\n|\\[nr]|\\X0[AD]\\|\\\.br\\|_x000[DA]_|[\v\f\x85\u2028\u2029]")
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h[1-6]|/td)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(
    r"</?\s*(?:p|div|span|b|i|u|em|strong|font|ul|ol|li|table|tbody|thead|tr|td|th|h[1-6]|html|body|a|hr|br|pre)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z]{2,6});", re.IGNORECASE)
_MARKDOWN = re.compile(r"\*\*|^[ \t]*#{1,6}[ \t]+", re.MULTILINE)
_BRACKETED_HEADING = re.compile(r"[【\[]([^】\]\n\d]{2,30})[】\]][ \t]*[:：]?")


def plain_lines(report: str) -> str:
    """Return ``report`` with one kind of line end and no markup; its words stay as they are."""
    text = _LINE_ENDS.sub("\n", report)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = _MARKDOWN.sub("", text)
    return _BRACKETED_HEADING.sub(_as_heading, text) if "【" in text or "[" in text else text


def _as_heading(found: re.Match[str]) -> str:
    """A heading of its own line: all of 【】, and of [] capitals alone ("[FINDINGS]", not "[redacted]")."""
    name = found[1]
    return f"\n{name}: " if found[0].startswith("【") or name.isupper() else found[0]
