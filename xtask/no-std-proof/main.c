#include <stdint.h>
#include <stdio.h>

/* Takes the tenant that the requests name, and answers how many of its checks failed. */
uint32_t prove_tenancy_core(uint64_t tenant);

/* The precompiled core library names it for unwinding, which `panic = "abort"` rules out. */
void rust_eh_personality(void) {}

int main(void) {
    const uint64_t acme = ((uint64_t)'a' << 24) | ((uint64_t)'c' << 16) | ((uint64_t)'m' << 8) | (uint64_t)'e';
    const uint64_t other = ((uint64_t)'e' << 24) | ((uint64_t)'v' << 16) | ((uint64_t)'i' << 8) | (uint64_t)'l';
    const uint32_t failed = prove_tenancy_core(acme);
    const uint32_t control = prove_tenancy_core(other);
    printf("%u checks failed for a member, %u for a stranger\n", failed, control);
    return failed == 0 && control != 0 ? 0 : 1;
}
