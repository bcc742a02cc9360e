#include "sealed_vfs.h"
