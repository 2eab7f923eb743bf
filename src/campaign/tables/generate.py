"""Makes zones.tsv and holidays.tsv of the Python packages `phonenumbers` and `holidays`, as README.md here tells.

    pip install phonenumbers holidays
    python src/campaign/tables/generate.py 2026 2031
"""

import collections
import pathlib
import sys

import holidays
import phonenumbers
from phonenumbers.tzdata import TIMEZONE_DATA

HERE = pathlib.Path(__file__).parent
# Parts that have a numbering plan, and so a row, of their own.
ELSEWHERE = {
    "FI": {"01"},
    "FR": {"971", "972", "973", "974", "976", "BL", "MF", "NC", "PF", "PM", "TF", "WF"},
    "US": {"AS", "GU", "MP", "PR", "UM", "VI"},
}


def zones():
    """Time zones, then the prefixes of E.164 that lead to them. A prefix whose shorter one says the same is left out."""

    def shorter(prefix):
        lengths = range(len(prefix) - 1, 0, -1)
        return next((prefix[:n] for n in lengths if prefix[:n] in TIMEZONE_DATA), None)

    groups = collections.defaultdict(list)
    for prefix, names in sorted(TIMEZONE_DATA.items()):
        if TIMEZONE_DATA.get(shorter(prefix)) != names:
            groups[names].append(prefix)
    yield f"# phonenumbers {phonenumbers.__version__} (libphonenumber, Apache-2.0)"
    for names, prefixes in groups.items():
        yield f"{' '.join(names)}\t{' '.join(prefixes)}"


def days(dates, years):
    """`0101` for a day of every year, `20260403` for one."""
    of_years = collections.defaultdict(set)
    for date in dates:
        of_years[f"{date:%m%d}"].add(date.year)
    every = {day for day, found in of_years.items() if found == set(years)}
    single = sorted(f"{date:%Y%m%d}" for date in dates if f"{date:%m%d}" not in every)
    return " ".join(sorted(every) + single)


def public_holidays(years):
    """A country, the holidays of all of it, those of parts of it, and the last year that is known of it, if it is not that of the table."""
    yield f"# holidays {holidays.__version__} (MIT)"
    yield f"years\t{years[0]}\t{years[-1]}"
    known = holidays.list_supported_countries(include_aliases=False)
    for country, parts in sorted(known.items()):
        country_holidays = holidays.country_holidays(country, years=years)
        nationwide = set(country_holidays)
        until = country_holidays.end_year if country_holidays.end_year < years[-1] else ""
        partial = set()
        for part in set(parts) - ELSEWHERE.get(country, set()):
            partial |= set(holidays.country_holidays(country, subdiv=part, years=years))
        nationwide = {date for date in nationwide if date.year in years}
        partial = {date for date in partial - nationwide if date.year in years}
        yield f"{country}\t{days(nationwide, years)}\t{days(partial, years)}\t{until}".rstrip()


def main():
    first, last = map(int, sys.argv[1:])
    years = range(first, last + 1)
    for name, lines in (("zones.tsv", zones()), ("holidays.tsv", public_holidays(years))):
        (HERE / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
