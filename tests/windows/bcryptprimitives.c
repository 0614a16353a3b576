/* The one function of Windows' bcryptprimitives.dll that extensions written in Rust need; Wine 8 has
   no such library. Random bytes come from advapi32. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID bytes, ULONG count);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *bytes, SIZE_T count)
{
    while (count > 0) {
        ULONG some = count < 0x10000000 ? (ULONG)count : 0x10000000;
        if (!SystemFunction036(bytes, some))
            return FALSE;
        bytes += some;
        count -= some;
    }
    return TRUE;
}
