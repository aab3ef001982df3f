/*
 * The thread of an engine that makes indexes and files expiries (index/fill.h), one step after the other,
 * while there is something to be made. Nothing is lost when it is stopped between two steps. Writers are
 * never held up for longer than a step.
 */
#ifndef LOCAL_FILLER_H
#define LOCAL_FILLER_H

struct local_engine;

/* The work of the engine's `filler`, to be woken when there may be something to be made. */
void local_fill(struct local_engine *engine);

/* Of an engine that was just opened: starts the thread if something was left to be made. */
void local_filler_begin(struct local_engine *engine);

#endif
