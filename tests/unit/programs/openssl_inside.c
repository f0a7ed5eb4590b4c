/* SPDX-License-Identifier: Apache-2.0 */
/* A program with functions of OpenSSL's names inside, without those that end in _ex. Nobody runs it. */
#define KEPT __attribute__((noinline, used))

KEPT void SSL_set_connect_state(void* object) { *(char*)object = 1; }
KEPT void SSL_set_accept_state(void* object) { *(char*)object = 2; }
KEPT void SSL_free(void* object) { *(char*)object = 0; }
KEPT int SSL_do_handshake(void* object) { return *(char*)object; }

KEPT int SSL_read(void* object, char* buffer, int size) {
  if (!*(char*)object) return -1;
  *buffer = *(char*)object;
  return size;
}

KEPT int SSL_write(void* object, const char* buffer, int size) {
  if (!size) return 0;
  *(char*)object = *buffer;
  return size;
}

int main(void) { return 0; }
