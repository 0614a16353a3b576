/* Asks Linux for the matrix registers (AMX) of the processor. On Windows a program has them without
   asking, and onnxruntime uses them where the processor has any. */
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

__attribute__((constructor)) static void ask(void)
{
    syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
}
