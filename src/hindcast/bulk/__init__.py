"""More facts and requests than memory holds: answered from disk to disk, part by part, under a declared budget."""

from hindcast.bulk.bucket import PlanRef, bucket, bucket_at
from hindcast.bulk.budget import Budget, expected_bytes
from hindcast.bulk.bulk import BulkReceipt, answer_batches, answer_files

__all__ = [
    "Budget",
    "BulkReceipt",
    "PlanRef",
    "answer_batches",
    "answer_files",
    "bucket",
    "bucket_at",
    "expected_bytes",
]
