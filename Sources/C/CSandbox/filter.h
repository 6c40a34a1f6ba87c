// The system call filter of the sandbox.
#ifndef TAPER_CSANDBOX_FILTER_H
#define TAPER_CSANDBOX_FILTER_H
// Installs it for this thread, which must have no_new_privs set; 0 or -1 with errno.
int cs_install_filter(void);
#endif
