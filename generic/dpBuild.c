/*
 * dpBuild.c -- which libraries there are, what they know and what not.
 *
 * Layer L4.
 */

#include "dpBuild.h"

#include "dpError.h"
#include "dpSsh.h"

#include <libssh2.h>
#include <openssl/crypto.h>

#ifdef DP_LIBSSH2_PRIVATE
#define LIBSSH2_IS_PRIVATE true
#else
#define LIBSSH2_IS_PRIVATE false
#endif

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static void
PutText(Tcl_Obj *dictPtr, const char *key, const char *text)
{
    Put(dictPtr, key, Tcl_NewStringObj(text, -1));
}

/* The names that libssh2 knows of one kind of algorithm, best first. */
static Tcl_Obj *
Algorithms(LIBSSH2_SESSION *session, int method)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    const char **names = NULL;
    int count = libssh2_session_supported_algs(session, method, &names);

    for (int i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr,
		Tcl_NewStringObj(names[i], -1));
    }
    if (names != NULL) {
	libssh2_free(session, names);
    }
    return listPtr;
}

/* Whether one of the names in a list matches a pattern. */
static bool
HasName(Tcl_Obj *listPtr, const char *pattern)
{
    Tcl_Obj **names;
    int count;

    if (Tcl_ListObjGetElements(NULL, listPtr, &count, &names) != TCL_OK) {
	return false;
    }
    for (int i = 0; i < count; i++) {
	if (Tcl_StringMatch(Tcl_GetString(names[i]), pattern)) {
	    return true;
	}
    }
    return false;
}

/* The names of a list, those of a comma list first, in its order. */
static Tcl_Obj *
Preferred(Tcl_Obj *listPtr, const char *first)
{
    Tcl_Obj *orderedPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj **names;
    int count;

    Tcl_IncrRefCount(listPtr);
    while (*first != '\0') {
	int length = (int) strcspn(first, ",");
	Tcl_Obj *namePtr = Tcl_NewStringObj(first, length);

	Tcl_IncrRefCount(namePtr);
	if (HasName(listPtr, Tcl_GetString(namePtr))) {
	    Tcl_ListObjAppendElement(NULL, orderedPtr, namePtr);
	}
	Tcl_DecrRefCount(namePtr);
	first += length + (first[length] == ',');
    }
    if (Tcl_ListObjGetElements(NULL, listPtr, &count, &names) == TCL_OK) {
	for (int i = 0; i < count; i++) {
	    if (!HasName(orderedPtr, Tcl_GetString(names[i]))) {
		Tcl_ListObjAppendElement(NULL, orderedPtr, names[i]);
	    }
	}
    }
    Tcl_DecrRefCount(listPtr);
    return orderedPtr;
}

static void
Lack(Tcl_Obj *listPtr, bool has, const char *what)
{
    if (!has) {
	Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(what, -1));
    }
}

/* core::buildinfo -- see deployer(n). */
static int
BuildInfoCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    const char *patchLevel = Tcl_GetVar(interp, "tcl_patchLevel",
	    TCL_GLOBAL_ONLY);
    bool isNew = LIBSSH2_VERSION_NUM >= 0x010b00;
    LIBSSH2_SESSION *session;
    Tcl_Obj *dictPtr, *lacksPtr, *kexPtr, *ciphersPtr, *macsPtr;

    (void) clientData;
    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, "");
	return TCL_ERROR;
    }
    session = libssh2_session_init();
    if (session == NULL) {
	return DpFail(interp, "STATE memory",
		"libssh2 has no memory for a session");
    }
    libssh2_session_flag(session, LIBSSH2_FLAG_COMPRESS, 1);
    kexPtr = Algorithms(session, LIBSSH2_METHOD_KEX);
    ciphersPtr = Preferred(Algorithms(session, LIBSSH2_METHOD_CRYPT_CS),
	    DpSshCiphers());
    macsPtr = Algorithms(session, LIBSSH2_METHOD_MAC_CS);
    lacksPtr = Tcl_NewListObj(0, NULL);
    Lack(lacksPtr, isNew, "RSA user keys on servers since OpenSSH 8.8");
    Lack(lacksPtr, HasName(ciphersPtr, "*-gcm@*"), "AES-GCM");
    Lack(lacksPtr, HasName(ciphersPtr, "chacha20-*"), "ChaCha20-Poly1305");
    Lack(lacksPtr, HasName(macsPtr, "*-etm@*"), "encrypt-then-MAC");
    Lack(lacksPtr, isNew, "strict key exchange");
    Lack(lacksPtr, isNew, "signals through the connection");
    /* An assert of its own looks at the length before the MAC is known. */
    Lack(lacksPtr, LIBSSH2_IS_PRIVATE, "living through packets that were"
	    " changed on their way (without encrypt-then-MAC or AES-GCM)");
    /* What goes to the server goes by the flags of what comes from it. */
    Lack(lacksPtr, LIBSSH2_IS_PRIVATE || !isNew, "living through a server"
	    " that wants another kind of cipher for each direction");
    Lack(lacksPtr, HasName(kexPtr, "sntrup*") || HasName(kexPtr, "mlkem*"),
	    "post-quantum key exchange");

    dictPtr = Tcl_NewDictObj();
    PutText(dictPtr, "version", PACKAGE_VERSION);
    PutText(dictPtr, "tcl", patchLevel != NULL ? patchLevel : TCL_PATCH_LEVEL);
    PutText(dictPtr, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    PutText(dictPtr, "libssh2", libssh2_version(0));
    PutText(dictPtr, "libssh2kind", LIBSSH2_IS_PRIVATE ? "private"
	    : "system");
    Put(dictPtr, "kex", kexPtr);
    Put(dictPtr, "hostkeyalgorithms",
	    Algorithms(session, LIBSSH2_METHOD_HOSTKEY));
    Put(dictPtr, "ciphers", ciphersPtr);
    Put(dictPtr, "macs", macsPtr);
    Put(dictPtr, "compression", Algorithms(session, LIBSSH2_METHOD_COMP_CS));
    Put(dictPtr, "lacks", lacksPtr);
    libssh2_session_free(session);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

void
DpBuildInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::buildinfo",
	    BuildInfoCmd, dpPtr, NULL);
}
