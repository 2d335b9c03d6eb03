/*-------------------------------------------------------------------------
 * vector_clones.h
 *	  Marks a hot loop to be compiled a second time for AVX2; the loader picks
 *	  the one this machine can run.  Both give the same bits: no fused
 *	  multiply-add, no reordered sums.
 *
 * Not under sanitizers, whose run time is not ready when the loader asks, and
 * only where the loader can ask (ELF with indirect functions, on x86-64).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_VECTOR_CLONES_H
#define MLOPS_LEARN_VECTOR_CLONES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VECTOR_CLONES_OFF
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES_OFF
#endif

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(VECTOR_CLONES_OFF)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#endif							/* MLOPS_LEARN_VECTOR_CLONES_H */
