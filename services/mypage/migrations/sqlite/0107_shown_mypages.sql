-- A list skips no rows that are not shown, however many holds have run out one after another.
CREATE INDEX mypages_shown ON mypages (booking_id) WHERE shown = 1;
CREATE INDEX mypages_shadow_shown ON mypages_shadow (booking_id) WHERE shown = 1;
