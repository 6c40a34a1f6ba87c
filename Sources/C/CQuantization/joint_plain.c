#define TABLE cq_plain_table
#include "joint.inc"
