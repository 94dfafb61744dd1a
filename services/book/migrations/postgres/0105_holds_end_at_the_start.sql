-- A hold ends when its screening begins, at the latest.
UPDATE bookings SET held_until = (SELECT starts_at FROM screenings WHERE screenings.id = bookings.screening_id)
    WHERE status = 'PaymentPending'
      AND held_until > (SELECT starts_at FROM screenings WHERE screenings.id = bookings.screening_id);
