#ifndef TAPER_CKERNELS_H
#define TAPER_CKERNELS_H
#include <stddef.h>
#include <stdint.h>
#endif
