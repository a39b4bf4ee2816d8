"""Notices to admins in words. They are about the service, so they are worded here and not by templates that an edit could break."""

from __future__ import annotations

import html
import re

from alerts.channels import text as words
from alerts.core.admins import Matter
from alerts.core.letters import Message
from alerts.core.plan import Notice

_WHY = {
    "id": {
        "median": "lebih dari batas kelipatan median harian 30 hari terakhir ({usual} per hari)",
        "subjects": "lebih dari batas bagian dari {usual} subjek yang dapat dinilai",
    },
    "en": {
        "median": "more than the allowed multiple of its daily median of the last 30 days ({usual} a day)",
        "subjects": "more than the allowed share of the {usual} subjects that it could be about",
    },
}
_HEADS = {
    "id": {
        "held": "[Lapor Dini][PENGELOLA] Aturan {rule} ditahan: {fired} peringatan dalam satu jam",
        "refused": "[Lapor Dini][PENGELOLA] Perubahan berkas aturan DITOLAK: {count} kesalahan",
        "mended": "[Lapor Dini][PENGELOLA] Berkas aturan kembali benar",
    },
    "en": {
        "held": "[Lapor Dini][ADMIN] Rule {rule} is held: {fired} alerts within an hour",
        "refused": "[Lapor Dini][ADMIN] Edited rule files REFUSED: {count} problems",
        "mended": "[Lapor Dini][ADMIN] The rule files are right again",
    },
}
_BODIES = {
    "id": {
        "held": """Aturan {rule} menimbulkan atau menaikkan {fired} peringatan dalam satu jam, {why}. Pesannya ditahan.

Peringatannya tetap tercatat dan dihitung, tetapi tidak ada petugas yang diberi tahu sampai dua orang yang berbeda memutuskan.

Periksa peringatannya pada portal. Bila lonjakan itu nyata, lepaskan; bila keliru, gugurkan dan perbaiki aturan atau datanya:

lapor-dini guard list
lapor-dini guard release {rule} --by NAMA --reason ALASAN
lapor-dini guard drop {rule} --by NAMA --reason ALASAN""",
        "refused": """Perubahan terbaru pada berkas aturan belum berlaku. Rangkaian aturan {generation} tetap dipakai.

{problems}

Perbaiki setiap hal di atas; berkas dibaca kembali dengan sendirinya. Pesan ini dikirim sekali, dan sekali lagi setelah benar.""",
        "mended": "Semua berkas aturan benar. Rangkaian aturan {generation} berlaku.",
    },
    "en": {
        "held": """Rule {rule} raised or stepped up {fired} alerts within an hour, {why}. Its notices are held.

The alerts are listed and counted, but no officer is told before two different persons have decided.

Look at them on the portal. Release them if the surge is real; if it is a mistake, drop them and mend the rule or the data:

lapor-dini guard list
lapor-dini guard release {rule} --by NAME --reason REASON
lapor-dini guard drop {rule} --by NAME --reason REASON""",
        "refused": """The newest edit of the rule files is not in force. Rule set {generation} goes on.

{problems}

Put each of these right; the files are read again by themselves. This is sent once, and once more when all is right.""",
        "mended": "All rule files are right. Rule set {generation} is in force.",
    },
}
_SMS = {
    "id": {
        "held": "LAPOR DINI PENGELOLA: aturan {rule} ditahan, {fired} peringatan dalam satu jam. Perlu keputusan dua orang.",
        "refused": "LAPOR DINI PENGELOLA: perubahan berkas aturan ditolak, {count} kesalahan. Aturan lama tetap berlaku.",
        "mended": "LAPOR DINI PENGELOLA: berkas aturan kembali benar dan berlaku.",
    },
    "en": {
        "held": "LAPOR DINI ADMIN: rule {rule} is held, {fired} alerts within an hour. Two persons have to decide.",
        "refused": "LAPOR DINI ADMIN: edited rule files refused, {count} problems. The old rules go on. Details in the portal.",
        "mended": "LAPOR DINI ADMIN: the rule files are right again and in force.",
    },
}


def word(matter: Matter, notice: Notice, portal: str) -> Message:
    """The notice in the officer's language."""
    language = notice.language if notice.language in _HEADS else "id"
    why = _WHY[language].get(matter.why, "").format(usual=matter.usual)
    more = matter.count - len(matter.problems)
    listed = [words.clean(problem, 500) for problem in matter.problems] + ([f"… + {more}"] if more > 0 else [])
    said = {"rule": matter.rule, "fired": matter.fired, "why": why, "count": matter.count}
    said |= {"generation": matter.generation, "problems": "\n\n".join(listed)}
    subject = words.clean(_HEADS[language][matter.what].format(**said))
    text = _SMS[language][matter.what].format(**said)
    page = ""
    if notice.channel == "email":
        text = f"{_BODIES[language][matter.what].format(**said)}\n\n{portal}\n"
        paragraphs = [html.escape(part).replace("\n", "<br>\n") for part in re.split(r"\n\n+", text.strip())]
        page = (
            f'<html lang="{language}"><body>' + "".join(f"<p>{part}</p>\n" for part in paragraphs) + "</body></html>\n"
        )
    else:
        text = words.gsm7(text)
    return Message(
        notice=notice.id, channel=notice.channel, address=notice.address, subject=subject, text=text, html=page
    )
