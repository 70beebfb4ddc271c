/*
 * keysTcl.c -- starts Tcl in a program that is linked with it.
 *
 * In a file of its own and without config.h, because the code under test
 * calls Tcl through the stubs table, which only this can fill.
 */

#undef USE_TCL_STUBS

#include <stddef.h>
#include <tcl.h>

#undef Tcl_InitStubs
const char *Tcl_InitStubs(Tcl_Interp *interp, const char *version, int exact);
void InitTcl(const char *program);

void
InitTcl(const char *program)
{
    Tcl_FindExecutable(program);
    Tcl_InitStubs(Tcl_CreateInterp(), "8.6", 0);
}
