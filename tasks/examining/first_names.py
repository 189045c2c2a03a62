"""Common first names of several countries, in lower case: what tells names of people from those of towns and brands.

Names that are as common for a place or a firm (Austin, Charlotte, Florence, Victoria, Martin) are left out.
"""

from __future__ import annotations

_NAMES = """
aaron abdul adam adrian agnes ahmed alan albert alejandro alex alexander alfred ali alice amanda amelia amir amy
ana andrea andreas andrew angela anita ann anna anne anthony antonio arthur barbara beatrice ben benjamin bernard
betty brian carla carlos carol caroline catherine cecilia charles chen chloe chris christian christina christine
christopher claire clara claudia cynthia daniel daniela david deborah dennis diana diego dmitri donald donna
dorothy edith edward elena elias elisa elisabeth elizabeth ella ellen emil emily emma eric erik ernest esther ethan
eva evelyn fatima felix fernando francesca francesco francis francisco frank franz frederick friedrich gabriel gary
george gerald gertrude giovanni giulia giuseppe grace greta gregory hannah hans harold harry hassan heather
heinrich helen helena helga henri henry herbert hiroshi howard hugo ian ibrahim ida igor ines ingrid irene isaac
isabella ivan jacob jacques james jan jane janet jason javier jean jeffrey jennifer jeremy jerry jessica jim joan
joe johan johann johanna john jonas jonathan jorge jose joseph joshua juan judith judy julia julian julie jurgen
karen karin karl kate katherine kathleen katie keiko keith kenji kenneth kevin kim klaus larissa larry laura lea
lena leo leon liam linda lisa louis louise luca lucas lucy ludwig luis luisa lukas magdalena malcolm manuel marc
marco margaret maria marianne marie marina mario marjorie mark markus martha mary mateo matteo matthew matthias
maximilian mehmet mei melissa mia michael michelle miguel mohamed mohammed monica monika mustafa nancy natalia
natalie natasha nathan nicholas nicole nikolai nina noah nora oleg oliver olga olivia omar oscar otto pablo pamela
patricia patrick paul paula pedro peter philip philippe pierre rachel rafael ralph ramon raymond rebecca renate
ricardo richard rita robert roberto roger roland ronald rosa rosemary ruth ryan sabine samantha samuel sandra sara
sarah scott sean sebastian sergei sharon sofia sophia sophie stefan stephanie stephen steve steven susan susanne
sven svetlana tatiana teresa theodore theresa thomas timothy tobias ulrich ursula valentina vera vincent vladimir
walter wei werner wilhelm william wolfgang yasmin yuki yusuf zoe
"""
FIRST_NAMES = frozenset(_NAMES.split())
