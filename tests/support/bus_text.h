/** Say something on a bus. */
#ifndef TESTS_BUS_TEXT_H
#define TESTS_BUS_TEXT_H

#include <stdbool.h>

struct edge_bus;

/** @p text is JSON; @p is_event: an AddEventRequest. Asserts that the bus takes it. */
void bus_publish_text(struct edge_bus *bus, const char *topic, const char *text, bool is_event);

#endif
