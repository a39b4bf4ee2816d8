"""What officers see."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from alerts.store.database import transaction
from alerts.store.pages import AlertRow

from .conftest import NAME, PASSPORT, Office, Reader, event, permit, read, section, wib

PAGES = ["/", "/notices", "/rules", "/rules/stay_expired", "/feeds", "/quarantine", "/books"]


def officer(id: str, type: str, alert: str, **data: str) -> bytes:
    return json.dumps(
        event(id, type, "2026-03-02T11:00:00", {"alert": alert} | data, "kesbangpol/tanjab-barat")
    ).encode()


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_whole_bilingual_guarded_and_loads_nothing_from_elsewhere(
    client: httpx.AsyncClient, expired: AlertRow, path: str
) -> None:
    answer = await client.get(path)
    page = Reader(answer.text)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert '<html lang="id">' in answer.text
    assert '<span lang="en"' in answer.text
    assert all(link.startswith(("/", "#", "?")) and not link.startswith("//") for link in page.links)
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    assert "hanya untuk komputer ini" in answer.text


@pytest.mark.parametrize("path", [*PAGES, "ALERT", "NOTICE"])
async def test_no_page_names_the_person_or_an_address(
    client: httpx.AsyncClient, office: Office, expired: AlertRow, path: str
) -> None:
    (notice, *_) = office.pages.notices("sent", 1)
    text = (
        await client.get({"ALERT": f"/alerts/{expired.id}", "NOTICE": f"/notices/{notice.id}"}.get(path, path))
    ).text
    for secret in (NAME, PASSPORT, "UTO", "tanjab-barat.example", "+628"):
        assert secret not in text


async def test_the_stylesheet_is_served_from_here(client: httpx.AsyncClient) -> None:
    answer = await client.get("/style.css")
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "url(" not in answer.text


# Alerts -----------------------------------------------------------------------------------------------------------------


async def test_an_alert_stands_on_the_first_page_under_its_case_number(
    client: httpx.AsyncClient, expired: AlertRow
) -> None:
    text = await read(client, "/")
    assert "JBI-26-000001" in text
    assert "Indikasi izin tinggal berakhir / Stay permit apparently expired" in text
    assert "2 Maret 2026, 09.30 WIB" in text
    assert "1 berlangsung / standing" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", True),
        ("unit=kesbangpol-15.06", True),
        ("unit=kesbangpol-15.01", False),
        ("rule=stay_expired", True),
        ("rule=sktt_missing", False),
        ("severity=high", True),
        ("severity=low", False),
        ("state=raised", True),
        ("state=acknowledged", False),
        ("state=all", True),
        ("unit=kesbangpol-15.06&rule=stay_expired&severity=high&state=standing", True),
    ],
)
async def test_the_list_is_filtered(client: httpx.AsyncClient, expired: AlertRow, query: str, shown: bool) -> None:
    assert (f"/alerts/{expired.id}" in (await client.get(f"/?{query}")).text) is shown


@pytest.mark.parametrize("query", ["severity=hgih", "state=open", "page=0", "page=x", "page=²"])
async def test_a_filter_that_is_not_understood_is_no_answer(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/?{query}")
    assert answer.status_code == 400
    assert "tulis / write" in answer.text


async def test_an_acknowledged_alert_stays_and_a_closed_one_leaves(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    await office.accept([officer("a", "alert.acknowledged.v1", expired.id)])
    assert "Sudah ditanggapi / Acknowledged" in await read(client, "/?state=acknowledged")
    await office.accept([officer("c", "alert.closed.v1", expired.id, outcome="false_alarm")])
    assert expired.id not in (await client.get("/")).text
    text = await read(client, f"/alerts/{expired.id}")
    assert "Ditutup petugas / Closed by an officer: tidak benar / false alarm" in text
    assert "Oleh / By kesbangpol/tanjab-barat" in text


async def test_the_first_page_goes_on_where_it_is_full(client: httpx.AsyncClient, office: Office) -> None:
    people = [permit(str(n), permit_no=f"P{n}", person={"permit_no": f"P{n}"}) for n in range(101)]
    await office.accept([json.dumps(one).encode() for one in people])
    office.pass_time("2026-03-02T09:30:00")
    first, second = await client.get("/?rule=stay_expired"), await client.get("/?rule=stay_expired&page=2")
    assert "page=2" in first.text
    rows = [
        re.findall(r'<th scope="row"><a href="/alerts/(\w+)', page.text.split("</table>")[0])
        for page in (first, second)
    ]
    assert [len(ids) for ids in rows] == [100, 1]
    assert len({id for ids in rows for id in ids}) == 101


async def test_an_alert_explains_itself(client: httpx.AsyncClient, expired: AlertRow) -> None:
    text = await read(client, f"/alerts/{expired.id}")
    for said in (
        "Indikasi, perlu verifikasi. Ini bukan penetapan pelanggaran.",
        "UU 6/2011 ps. 78(1)",
        "benar / true stay.latest",
        "benar / true person.in_country",
        "benar / true !stay.application_pending",
        "Terpenuhi / It stands",
        "Nomor izin / Permit number stay.permit_ref P1",
        "stay.valid_until 1 Maret 2026",
        "2 Maret 2026 (1 hari setelah stay.valid_until / 1 day after stay.valid_until)",
        "16 April 2026: Tinggi / High, juga kepada / also to province",
        "Berakhir dengan sendirinya pada / Ends by itself on 29 Agustus 2026",
        "imigrasi: lengkap sampai / complete until 2 Maret 2026, 09.59 WIB",
        "permohonan perpanjangan sudah diajukan",
        "Sanggah atau perbaiki data",
        "2 Maret 2026, 09.30 WIB: Timbul / Raised",
        "tanjab-barat-1",
    ):
        assert said in text, said


async def test_a_withdrawn_alert_says_which_part_is_false_now(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    gone = event("d", "departure.recorded.v1", "2026-02-20T10:00:00", {
        "person": {"issuing_state": "UTO", "passport_no": PASSPORT}, "exit_date": "2026-02-20", "port": "Jambi",
    })  # fmt: skip
    await office.accept([json.dumps(gone).encode()])
    text = await read(client, f"/alerts/{expired.id}")
    assert "salah / false person.in_country" in text
    assert "Syarat tidak terpenuhi / The condition is false" in text
    assert "Ditarik / Withdrawn" in text
    assert "Ralat / Correction" in text
    assert expired.id not in (await client.get("/")).text


async def test_a_case_number_leads_to_its_alert(client: httpx.AsyncClient, expired: AlertRow) -> None:
    for path in ("/alerts/JBI-26-000001", "/alerts/jbi-26-000001", "/?case=+JBI-26-000001"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/alerts/{expired.id}")
    for path in ("/alerts/JBI-25-000001", "/alerts/JBI-26-000009", "/?case=x", "/alerts/1"):
        assert (await client.get(path)).status_code == 404


async def test_what_waits_for_a_source_is_listed_and_not_an_alert(client: httpx.AsyncClient, office: Office) -> None:
    await office.accept([json.dumps(permit()).encode()])
    office.pass_time("2026-03-02T09:30:00", heard=False)
    assert office.alerts(rule="stay_expired") == []
    waiting = await section(client, "/", "waiting")
    assert "Indikasi izin tinggal berakhir" in waiting
    assert "Menunggu / Waits for imigrasi sampai / up to 2 Maret 2026" in waiting
    assert "Kabupaten Tanjung Jabung Barat" in waiting
    assert "Tidak ada." in await section(client, "/?unit=kesbangpol-15.01", "waiting")


async def test_a_shadow_result_is_never_among_the_alerts(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    (shadow,) = office.alerts(shadow=True)
    page = (await client.get("/")).text
    before, _, after = page.partition('<section id="shadow">')
    assert f"/alerts/{shadow.id}" not in before
    assert f"/alerts/{shadow.id}" in after
    assert f"/alerts/{expired.id}" not in after
    assert "Uji bayangan: tidak dikirim" in await read(client, f"/alerts/{shadow.id}")


# Banners ----------------------------------------------------------------------------------------------------------------


async def test_a_broken_rule_edit_is_shown_with_every_place(client: httpx.AsyncClient, office: Office) -> None:
    office.problems = ("stay_expired.yaml:12:7 no such fact; write stay.latest", "units.yaml:3:1 <b>twice</b>")
    for path in ("/", "/rules"):
        page = (await client.get(path)).text
        assert "Perubahan aturan terbaru belum berlaku" in page
        assert "stay_expired.yaml:12:7" in page
        assert "&lt;b&gt;twice" in page


async def test_silent_feeds_and_failed_notices_are_on_the_first_page(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    assert "banner bad" not in (await client.get("/")).text
    (notice, *_) = office.pages.notices("sent", 1)
    office.store.book.failed(notice.id, "550 <petugas1@tanjab-barat.example>: no such user")
    office.pass_time("2026-03-05T10:00:00", heard=False)
    text = await read(client, "/")
    assert "1 pesan gagal disampaikan / notices failed" in text
    assert "imigrasi/kuala-tungkal, sejak / since 2 Maret 2026, 10.00 WIB" in text
    assert "diam sejak / silent since 2 Maret 2026, 10.00 WIB" in await read(client, "/feeds")


# Notices ----------------------------------------------------------------------------------------------------------------


async def test_notices_show_who_was_told_and_what_they_read(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    told = {notice.channel: notice for notice in office.pages.notices_about(expired.id)}
    assert told.keys() == {"email", "sms"}
    listed = await read(client, "/notices")
    assert "Terkirim / Sent" in listed
    assert "tanjab-barat-1" in listed
    email = await read(client, f"/notices/{told['email'].id}")
    assert "[Lapor Dini][TINGGI] JBI-26-000001" in email
    assert "Dengan hormat" in email
    assert "Message-ID" not in email
    assert "LAPOR DINI TINGGI" in await read(client, f"/notices/{told['sms'].id}")


async def test_a_carriers_answer_is_shown_without_the_address(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    told = office.pages.notices_about(expired.id)
    for notice in told:
        ((address,),) = office.store.connection.execute("SELECT address FROM notices WHERE id = ?", (notice.id,))
        office.store.book.failed(notice.id, f"rejected {address}, {address.removeprefix('+')}")
    text = await read(client, "/notices?state=failed")
    assert text.count("rejected ***, ***") == len(told)


async def test_a_notice_that_may_have_come_twice_says_so(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    (notice, *_) = office.pages.notices_about(expired.id)
    office.store.book.again(notice.id, office.now, "timed out", in_doubt=True)
    for path in ("/notices", f"/notices/{notice.id}", f"/alerts/{expired.id}"):
        assert "mungkin ganda / may have come twice" in await read(client, path)


async def test_a_notice_without_words_yet_can_be_looked_at(client: httpx.AsyncClient, office: Office) -> None:
    await office.accept([json.dumps(permit()).encode()])
    office.pass_time("2026-03-02T09:30:00")
    (notice, *_) = office.pages.notices("planned", 1)
    assert "Belum disusun. / Not worded yet." in await read(client, f"/notices/{notice.id}")


# Rules, sources, refused events, books ------------------------------------------------------------------------------------


async def test_every_rule_in_force_is_shown_with_its_meaning(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    text = await read(client, "/rules")
    assert office.decided.settled.rules.generation in text
    for rule in office.decided.settled.rules.rules:
        alone = await read(client, f"/rules/{rule.id}")
        for said in (rule.title.id, rule.title.en, rule.owner, *rule.legal_basis, rule.when.text):
            assert said in text
            assert said in alone
        assert all(cause in alone for cause in rule.false_positives)
    assert "Uji bayangan, tidak dikirim / Shadow, never sent" in text
    assert "Sedang berlangsung / Standing 1; bayangan / shadow 0" in await read(client, "/rules/stay_expired")
    assert "Sedang berlangsung / Standing 0; bayangan / shadow 1" in await read(client, "/rules/trial")


async def test_a_rule_past_its_review_says_so(client: httpx.AsyncClient, office: Office) -> None:
    assert "lewat waktu / overdue" not in await read(client, "/rules/stay_expired")
    office.now = wib("2027-07-01T08:00:00")
    assert "lewat waktu / overdue" in await read(client, "/rules/stay_expired")


async def test_sources_are_connected_not_connected_or_unlisted(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    stranger = permit("s", permit_no="P9", person={"permit_no": "P9"}) | {"source": "imigrasi/tidak-terdaftar"}
    await office.accept([json.dumps(stranger).encode()])
    text = await read(client, "/feeds")
    assert "imigrasi/kuala-tungkal tersambung / connected 2 Maret 2026, 10.00 WIB 2 Maret 2026, 09.59 WIB" in text
    assert "imigrasi/bungo tidak tersambung / not connected – – 2 hari / 2 days –" in text
    assert "2 hari / 2 days – imigrasi/bungo" in text  # what was there before it was connected is not late
    office.now = wib("2026-03-02T13:30:00")
    timely = permit("l", permit_no="P8", person={"permit_no": "P8"}) | {"time": "2026-03-02T11:00:00+07:00"}
    await office.accept([json.dumps(timely).encode()])
    assert "2 hari / 2 days 3 jam / 3 hours; 3 jam / 3 hours (1 peristiwa / events)" in await read(client, "/feeds")
    assert "imigrasi/tidak-terdaftar, terakhir / last heard 2 Maret 2026, 10.00 WIB" in text


async def test_refused_events_are_listed_with_the_reason_and_without_their_contents(
    client: httpx.AsyncClient, office: Office
) -> None:
    broken = permit("<script>alert(1)</script>", valid_until="besok")
    await office.accept([json.dumps(broken).encode(), b"{"])
    page = (await client.get("/quarantine")).text
    assert "data.valid_until" in page
    assert "imigrasi/kuala-tungkal" in page
    assert "<script>" not in page
    assert "besok" not in page
    assert "2 Januari 2026, 08.00 WIB" in page


async def test_books_that_agree_say_so_and_others_say_it_loudly(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    text = await read(client, "/books")
    assert text.count("Cocok / They agree") == 2
    assert "diterima / received 3 = disimpan / accepted 3 + ganda / duplicate 0 + ditolak / quarantined 0" in text
    assert "terutang / owed 3 = terkirim / sent 3" in text
    office.store.connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'received'")
    (notice, *_) = office.pages.notices("", 1)
    office.store.book.failed(notice.id, "")
    text = await read(client, "/books")
    assert text.count("TIDAK COCOK") == 2
    assert "received 4 ≠" in text


# Errors -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/none", "/alerts/none", "/notices/none", "/rules/none", "/alerts/%00", "/rules/<b>"])
async def test_what_is_not_there_has_a_page_that_says_so(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "Halaman tidak ditemukan" in answer.text
    assert "<b>" not in answer.text


async def test_a_failure_shows_no_trace_of_how(client: httpx.AsyncClient, office: Office) -> None:
    office.store.connection.execute("DROP TABLE alerts")
    answer = await client.get("/")
    assert answer.status_code == 500
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Traceback" not in answer.text
    assert str(office.path.parent) not in answer.text
    assert "Halaman tidak dapat ditampilkan" in answer.text


async def test_pages_are_read_while_a_turn_is_being_written(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    with transaction(office.store.connection):
        office.store.connection.execute("UPDATE alerts SET state = 'withdrawn'")
        assert "JBI-26-000001" in await read(client, "/")


async def test_pages_change_nothing(client: httpx.AsyncClient, office: Office, expired: AlertRow) -> None:
    def contents() -> list[object]:
        return [
            list(office.store.connection.execute(f"SELECT * FROM {t}"))
            for t in ("alerts", "notices", "counters", "meta")
        ]

    before = contents()
    for path in (*PAGES, f"/alerts/{expired.id}"):
        await client.get(path)
    assert contents() == before
    assert (await client.post("/")).status_code == 405
