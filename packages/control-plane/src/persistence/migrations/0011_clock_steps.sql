-- How often the database's clock was put to another time while control planes ran: each step is taken out of idle times once.
create table clock_steps (
  one   boolean primary key default true check (one),
  count integer not null
);
insert into clock_steps (count) values (0);
