// SPDX-License-Identifier: Apache-2.0

package main

// Where cgo is on the program has what C libraries have: variables of each thread, beside Go's own.

/*
static __thread volatile char storage[5000];
static void touch(void) { storage[0]++; }
*/
import "C"

func init() { C.touch() }
