-- Keys, checks, indexes, views and comments; they come after the rows, which makes the load fast.

ALTER TABLE airline.airlines
    ADD PRIMARY KEY (carrier),
    ADD UNIQUE (name);
ALTER TABLE airline.airports
    ADD PRIMARY KEY (code);
ALTER TABLE airline.planes
    ADD PRIMARY KEY (tail_number);
ALTER TABLE airline.weather
    ADD PRIMARY KEY (origin, observed_at),
    ADD FOREIGN KEY (origin) REFERENCES airline.airports;

ALTER TABLE airline.flights
    ADD PRIMARY KEY (flight_id),
    ADD UNIQUE (carrier, flight_number, scheduled_departure),
    ADD FOREIGN KEY (carrier) REFERENCES airline.airlines,
    ADD FOREIGN KEY (tail_number) REFERENCES airline.planes,
    ADD FOREIGN KEY (origin) REFERENCES airline.airports,
    ADD FOREIGN KEY (destination) REFERENCES airline.airports,
    ADD CONSTRAINT flights_go_somewhere CHECK (origin <> destination),
    ADD CONSTRAINT flights_arrive_after_departure
        CHECK (scheduled_arrival > scheduled_departure AND arrived_at > departed_at);
CREATE INDEX flights_by_departure ON airline.flights (scheduled_departure);
CREATE INDEX flights_by_route ON airline.flights (origin, destination);

ALTER TABLE airline.passengers
    ADD PRIMARY KEY (passenger_id),
    ADD UNIQUE (email),
    ADD UNIQUE (passport_number),
    ADD FOREIGN KEY (home_airport) REFERENCES airline.airports,
    ADD CONSTRAINT passengers_born_before_account CHECK (date_of_birth < created_at);
CREATE INDEX passengers_by_name ON airline.passengers (lower(last_name), first_name);

ALTER TABLE airline.loyalty_accounts
    ADD PRIMARY KEY (passenger_id),
    ADD UNIQUE (member_number),
    ADD FOREIGN KEY (passenger_id) REFERENCES airline.passengers ON DELETE CASCADE,
    ADD CONSTRAINT loyalty_accounts_covered CHECK (points_spent <= points_earned);

ALTER TABLE airline.bookings
    ADD PRIMARY KEY (booking_id),
    ADD UNIQUE (reference),
    ADD FOREIGN KEY (passenger_id) REFERENCES airline.passengers ON DELETE CASCADE,
    ADD CONSTRAINT bookings_cancelled_after_booking CHECK (cancelled_at >= booked_at),
    ADD CONSTRAINT bookings_cancelled_have_a_time
        CHECK ((cancelled_at IS NOT NULL) = (status IN ('cancelled', 'refunded')));
CREATE INDEX bookings_by_passenger ON airline.bookings (passenger_id, booked_at);
CREATE INDEX bookings_cancelled ON airline.bookings (cancelled_at) WHERE cancelled_at IS NOT NULL;
CREATE INDEX bookings_by_extras ON airline.bookings USING gin (extras);

ALTER TABLE airline.booking_seats
    ADD PRIMARY KEY (booking_id, flight_id),
    ADD UNIQUE (flight_id, seat),
    ADD FOREIGN KEY (booking_id) REFERENCES airline.bookings ON DELETE CASCADE,
    ADD FOREIGN KEY (flight_id) REFERENCES airline.flights;

ALTER TABLE airline.payments
    ADD PRIMARY KEY (payment_id),
    ADD FOREIGN KEY (booking_id) REFERENCES airline.bookings ON DELETE CASCADE,
    ADD CONSTRAINT payments_paid_after_request CHECK (paid_at >= requested_at),
    ADD CONSTRAINT payments_refund_within_amount CHECK (refunded <= amount),
    ADD CONSTRAINT payments_card_where_paid_by_card
        CHECK ((card_number IS NOT NULL) = (method IN ('credit_card', 'debit_card')));
CREATE INDEX payments_by_booking ON airline.payments (booking_id);

ALTER TABLE airline.staff
    ADD PRIMARY KEY (staff_id),
    ADD UNIQUE (email),
    ADD FOREIGN KEY (manager_id) REFERENCES airline.staff,
    ADD FOREIGN KEY (base_airport) REFERENCES airline.airports,
    ADD CONSTRAINT staff_not_their_own_manager CHECK (manager_id <> staff_id),
    ADD CONSTRAINT staff_left_after_hiring CHECK (left_on >= hired_on);
CREATE INDEX staff_by_manager ON airline.staff (manager_id);

ALTER TABLE airline.feedback
    ADD PRIMARY KEY (feedback_id),
    ADD UNIQUE (booking_id, flight_id),
    ADD FOREIGN KEY (booking_id, flight_id) REFERENCES airline.booking_seats ON DELETE CASCADE,
    ADD FOREIGN KEY (answered_by) REFERENCES airline.staff,
    ADD CONSTRAINT feedback_answered_by_someone
        CHECK ((answered_by IS NULL) = (answered_at IS NULL)),
    ADD CONSTRAINT feedback_answered_after_submission CHECK (answered_at >= submitted_at);

SELECT setval(pg_get_serial_sequence('airline.flights', 'flight_id'), max(flight_id))
    FROM airline.flights;
SELECT setval(pg_get_serial_sequence('airline.passengers', 'passenger_id'), max(passenger_id))
    FROM airline.passengers;
SELECT setval(pg_get_serial_sequence('airline.bookings', 'booking_id'), max(booking_id))
    FROM airline.bookings;
SELECT setval(pg_get_serial_sequence('airline.payments', 'payment_id'), max(payment_id))
    FROM airline.payments;
SELECT setval(pg_get_serial_sequence('airline.staff', 'staff_id'), max(staff_id))
    FROM airline.staff;
SELECT setval(pg_get_serial_sequence('airline.feedback', 'feedback_id'), max(feedback_id))
    FROM airline.feedback;

CREATE VIEW airline.passenger_activity AS
    SELECT passenger_id, first_name, last_name, count(booking_id) AS bookings,
           coalesce(sum(total_price), 0) AS spent, max(booked_at) AS last_booked_at
    FROM airline.passengers
    LEFT JOIN airline.bookings USING (passenger_id)
    GROUP BY passenger_id;

COMMENT ON TABLE airline.passengers IS 'Everyone with an account; the owner of bookings and points';
COMMENT ON TABLE airline.booking_seats IS 'One seat on one flight, sold with a booking';
COMMENT ON COLUMN airline.bookings.total_price IS 'The sum of the fares of its seats, in US dollars';
COMMENT ON COLUMN airline.bookings.extras IS 'What was ordered with it: meal, bags, insurance, lounge';
COMMENT ON COLUMN airline.payments.card_number IS 'The card that was charged; 15 or 16 digits';
COMMENT ON VIEW airline.passenger_activity IS 'Bookings and spending of each passenger';

ANALYZE airline.airlines, airline.airports, airline.planes, airline.weather, airline.flights,
    airline.passengers, airline.loyalty_accounts, airline.bookings, airline.booking_seats,
    airline.payments, airline.staff, airline.feedback;
