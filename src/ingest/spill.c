/*-------------------------------------------------------------------------
 * spill.c
 *	  The temporary file that values of a training go to when memory is not to
 *	  hold them.
 *
 * It is one of PostgreSQL's: in temp_tablespaces, counted by temp_file_limit, gone
 * with the transaction or at the next start of the server.  Threads read it by a
 * descriptor of its own, because PostgreSQL may close and open the other one at
 * any time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "mlops/ingest.h"

struct MlSpill
{
	MlSpillFile file;			/* for the engine */
	ResourceOwner owner;		/* of the file: the statement's, not that of the query that is read */
	File		handle;			/* to write; -1: none yet, or closed */
	int			descriptor;		/* to read; -1: none */
	MemoryContextCallback callback;
};

static void
close_descriptor(void *arg)
{
	MlSpill    *spill = (MlSpill *) arg;

	if (spill->descriptor < 0)
		return;
	close(spill->descriptor);
	spill->descriptor = -1;
	ReleaseExternalFD();
}

/* Errors: those of the file system, and of having too many files. */
static void
open_file(MlSpill *spill)
{
	ResourceOwner caller = CurrentResourceOwner;

	PrepareTempTablespaces();
	CurrentResourceOwner = spill->owner;
	spill->handle = OpenTemporaryFile(false);
	CurrentResourceOwner = caller;
	ReserveExternalFD();
	spill->descriptor = dup(FileGetRawDesc(spill->handle));
	if (spill->descriptor < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open a temporary file again: %m")));
	}
}

/* Errors: 53400 (temp_file_limit), 53100 (disk full), 58030. */
static bool
append(void *arg, const void *bytes, size_t size)
{
	MlSpill    *spill = (MlSpill *) arg;
	int			written;

	if (spill->handle < 0)
		open_file(spill);
	written = FileWrite(spill->handle, (char *) unconstify(void *, bytes), (int) size, (off_t) spill->file.size,
						WAIT_EVENT_BUFFILE_WRITE);
	if (written != (int) size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write the values that memory does not hold to a temporary file: %m"),
				 errhint("Make room in temp_tablespaces, or raise mlops.max_training_memory.")));
	return true;
}

/* On any thread: nothing of PostgreSQL's is used. */
static bool
read_back(void *arg, uint64_t at, void *bytes, size_t size)
{
	MlSpill    *spill = (MlSpill *) arg;
	size_t		done = 0;

	while (done < size)
	{
		ssize_t		n = pread(spill->descriptor, (char *) bytes + done, size - done, (off_t) (at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t) n;
	}
	return true;
}

MlSpill *
mling_open_spill(size_t memory)
{
	MlSpill    *spill = palloc0(sizeof(MlSpill));

	spill->file.append = append;
	spill->file.read = read_back;
	spill->file.arg = spill;
	spill->file.memory = memory;
	spill->owner = CurrentResourceOwner;
	spill->handle = -1;
	spill->descriptor = -1;
	spill->callback.func = close_descriptor;
	spill->callback.arg = spill;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &spill->callback);
	return spill;
}

MlSpillFile *
mling_spill_file(MlSpill *spill)
{
	return &spill->file;
}

/* After an error the file's owner has closed it. */
void
mling_close_spill(MlSpill *spill)
{
	ResourceOwner caller = CurrentResourceOwner;

	close_descriptor(spill);
	if (spill->handle < 0)
		return;
	CurrentResourceOwner = spill->owner;
	FileClose(spill->handle);
	CurrentResourceOwner = caller;
	spill->handle = -1;
}
