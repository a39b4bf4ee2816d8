"""The words of the pages: Indonesian first, English second, for every code that a page shows."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from markupsafe import Markup, escape

from alerts.channels import text as words
from alerts.core.rules import Due, Offset, Text

Words = dict[str, Text]


def _words(**pairs: tuple[str, str]) -> Words:
    return {code: Text(*pair) for code, pair in pairs.items()}


SEVERITIES = _words(
    info=("Info", "Info"),
    low=("Rendah", "Low"),
    medium=("Sedang", "Medium"),
    high=("Tinggi", "High"),
    critical=("Kritis", "Critical"),
)
STATES = _words(  # of an alert
    raised=("Baru, belum ditanggapi", "New, not acknowledged"),
    acknowledged=("Sudah ditanggapi", "Acknowledged"),
    closed=("Ditutup petugas", "Closed by an officer"),
    withdrawn=("Ditarik", "Withdrawn"),
    expired=("Habis masa simpan", "Expired"),
)
CHANGES = STATES | _words(
    raised=("Timbul", "Raised"),
    stepped=("Naik tingkat atau pindah", "Stepped or moved"),
    noted=("Dicatat petugas", "Noted by an officer"),
    unanswered=("Belum ditanggapi", "Not acknowledged in time"),
    held=("Pesannya ditahan", "Its notices are held"),
    released=("Dilepas", "Released"),
    dropped=("Digugurkan, tidak disampaikan", "Dropped, nobody is told"),
)
REASONS = _words(  # of a change by the engine
    due=("tenggat tercapai", "the deadline came"),
    step=("tahap berikutnya tercapai", "the next step came"),
    moved=("unit penanggung jawab berganti", "another unit became responsible"),
    unanswered=(
        "belum ditanggapi dalam batas waktu, unit di atasnya diberi tahu",
        "not acknowledged in time, the unit above is told",
    ),
    guard=("aturan ini menimbulkan terlalu banyak peringatan sekaligus", "its rule fires far more than it used to"),
    facts=("data terbaru tidak lagi memenuhi syarat", "the latest data no longer meet the condition"),
    kept=("masa simpan aturan lewat", "kept as long as the rule says"),
    closed=("ditutup petugas", "closed by an officer"),
    inhibited=("digantikan peringatan lain", "another alert takes its place"),
    rule=("aturan tidak lagi berlaku", "the rule is no longer in force"),
    renamed=("subjek berganti pengenal", "the subject got another identifier"),
    excepted=("dikecualikan pada aturan", "excepted in the rule"),
)
OUTCOMES = _words(
    confirmed=("terbukti", "confirmed"),
    false_alarm=("tidak benar", "false alarm"),
    data_error=("data keliru", "data error"),
    not_enough_evidence=("bukti tidak cukup", "not enough evidence"),
    referred=("diteruskan", "referred"),
)
NOTICE_STATES = _words(
    planned=("Menunggu dikirim", "Waiting to be sent"),
    sending=("Sedang diserahkan", "Being handed over"),
    sent=("Terkirim", "Sent"),
    failed=("Gagal", "Failed"),
    cancelled=("Batal sebelum dikirim", "Cancelled before sending"),
)
KINDS_OF_NOTICE = _words(
    alert=("Peringatan", "Alert"), ralat=("Ralat", "Correction"), admin=("Untuk pengelola", "For admins")
)
CHANNELS = _words(email=("Surel", "E-mail"), sms=("SMS", "SMS"), none=("Tidak ada", "None"))
SUBJECTS = _words(
    person=("Orang", "Person"),
    employer=("Pemberi kerja", "Employer"),
    lodging=("Penginapan", "Lodging"),
    institution=("Lembaga", "Institution"),
    area=("Wilayah", "Area"),
    feed=("Sumber data", "Source"),
)
RECORDS = _words(  # items of the lists that rules look into, by the name of their type
    Stay=("izin tinggal", "stay"),
    Entry=("kedatangan", "arrival"),
    Workplace=("tempat kerja", "place of work"),
    Employment=("hubungan kerja", "employment"),
    ReportedArea=("wilayah laporan", "area of reports"),
    Lodgement=("inap", "lodging stay"),
    DoubleNight=("malam di dua kabupaten", "night in two regencies"),
    Approval=("pengesahan RPTKA", "RPTKA approval"),
    LodgingReport=("laporan penginapan", "report of the lodging"),
    InstitutionPermit=("izin lembaga", "permit of the institution"),
    AnnualReport=("laporan tahunan", "annual report"),
    PermitYear=("tahun izin lembaga", "year of the permit of the institution"),
    CommunityReport=("laporan masyarakat", "report of the public"),
    Visit=("kunjungan", "visit"),
)
STATUSES = _words(  # of a rule
    draft=("Rancangan, tidak dinilai", "Draft, not judged"),
    shadow=("Uji bayangan, tidak dikirim", "Shadow, never sent"),
    active=("Berlaku", "Active"),
    retired=("Dicabut", "Retired"),
)
VERDICTS = _words(  # judgement.State by name
    untrue=("Syarat tidak terpenuhi", "The condition is false"),
    undated=("Tanggal acuan tidak diketahui", "The date it counts from is not known"),
    uncounted=("Daftar hari libur belum lengkap", "A year without a list of holidays"),
    ahead=("Tenggat belum tiba", "The deadline is ahead"),
    expired=("Masa simpan aturan lewat", "It stood as long as the rule keeps it"),
    closed=("Sudah ditutup petugas", "An officer closed it"),
    excepted=("Dikecualikan pada aturan", "Excepted in the rule"),
    unknown=("Belum diketahui: sumber data diam", "Unknown: source silent"),
    wanted=("Terpenuhi", "It stands"),
)
FACTS = _words(  # by the last part of the name; one without words is shown under its name alone
    permit_ref=("Nomor izin", "Permit number"),
    permit_no=("Nomor izin", "Permit number"),
    permit=("Jenis izin", "Kind of permit"),
    kind=("Jenis", "Kind"),
    valid_from=("Berlaku sejak", "Valid from"),
    valid_until=("Berlaku sampai dengan", "Valid until"),
    activity=("Kegiatan", "Activity"),
    area=("Wilayah", "Area"),
    areas=("Wilayah izin", "Permitted areas"),
    entry_date=("Tanggal masuk", "Date of entry"),
    residence_due_from=("Wajib lapor sejak", "Registration due from"),
    nib=("NIB pemberi kerja", "Employer's NIB"),
    corroborated_at=("Didukung sumber lain sejak", "Corroborated since"),
    since=("Sejak", "Since"),
    rptka_no=("Nomor pengesahan RPTKA", "RPTKA number"),
    locations=("Lokasi kerja", "Work locations"),
    checked_in_at=("Waktu check-in", "Checked in at"),
    delay_hours=("Keterlambatan laporan (jam)", "Delay of the report (hours)"),
    category=("Kategori", "Category"),
    observed_at=("Waktu pengamatan", "Observed at"),
    source=("Sumber data", "Source"),
    agency=("Instansi", "Agency"),
    last_heard=("Data terakhir diterima", "Last heard"),
    expected_by=("Seharusnya diterima paling lambat", "Expected by"),
)
_UNITS_OF_TIME = _words(h=("jam", "hours"), d=("hari", "days"), wd=("hari kerja", "working days"))


def named(code: str, table: Words) -> Text:
    """The words for a code; a code that has none stands for itself."""
    return table.get(code) or Text(code, code)


def record(name: str, language: str, several: bool = False) -> str:
    """One item of a list, or several, by the name of its type."""
    said = named(name, RECORDS)
    if language == "id":
        return said.id
    return re.sub(r"(?= of | in |$)", "s", said.en, count=1) if several else said.en


def both(text: Text) -> Markup:
    """`Tinggi / High`, marked up so that a screen reader changes its voice."""
    if text.id == text.en:
        return escape(text.id)
    return Markup('{} <span lang="en" class="en">/ {}</span>').format(text.id, text.en)


def plain(text: Text) -> str:
    """`Tinggi / High`, where no mark-up can be: options, labels."""
    return text.id if text.id == text.en else f"{text.id} / {text.en}"


def say(indonesian: str, english: str) -> Markup:
    """Words of a page, in both languages."""
    return both(Text(indonesian, english))


def when(instant: datetime | None) -> Markup:
    """`14 Maret 2026, 09.30 WIB`; a dash for never."""
    if instant is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(instant.isoformat(), words.moment(instant, "id"))


def day(when: date) -> Markup:
    """`14 Maret 2026`."""
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(), words.day(when, "id"))


def fact_name(name: str) -> Markup:
    """`stay.valid_until` in words, with the name that rules use."""
    label = FACTS.get(name.rpartition(".")[2])
    code = Markup("<code>{}</code>").format(name)
    return Markup("{} {}").format(both(label), code) if label else code


def fact_value(value: str) -> str:
    """A fact as people write it, without characters that could turn the text around."""
    return words.clean(words.fact(value, "id"))


def span(offset: Offset) -> Text:
    """`30 hari kerja / 30 working days`, without its sign."""
    unit = _UNITS_OF_TIME[offset.unit]
    amount = abs(offset.amount)
    return Text(f"{amount} {unit.id}", f"{amount} {unit.en if amount != 1 else unit.en[:-1]}")


def length(time: timedelta) -> Text:
    """`5 jam / 5 hours`, `2 hari / 2 days`: begun hours, from two days on days to one decimal."""
    hours = -(-time // timedelta(hours=1))
    if hours < 48:
        return Text(f"{hours} jam", f"{hours} hours" if hours != 1 else "1 hour")
    days = f"{time / timedelta(days=1):.1f}".removesuffix(".0")
    return Text(f"{days.replace('.', ',')} hari", f"{days} days")


def deadline(due: Due | None) -> Text:
    """When a rule is due, in words."""
    if due is None:
        return Text("seketika", "at once")
    if due.offset.amount == 0:
        return Text(f"pada {due.fact}", f"at {due.fact}")
    length = span(due.offset)
    if due.offset.amount < 0:
        return Text(f"{length.id} sebelum {due.fact}", f"{length.en} before {due.fact}")
    return Text(f"{length.id} setelah {due.fact}", f"{length.en} after {due.fact}")


def reason(text: str) -> Text:
    """Why an alert changed: the engine's word in both languages, what an officer wrote as it is."""
    if text.startswith("excepted: "):
        why, told = words.clean(text.removeprefix("excepted: "), 2_000), REASONS["excepted"]
        return Text(f"{told.id}: {why}", f"{told.en}: {why}")
    return REASONS.get(text) or OUTCOMES.get(text) or Text(words.clean(text, 2_000), words.clean(text, 2_000))
