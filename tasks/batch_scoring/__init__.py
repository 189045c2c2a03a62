"""Rows of a source, scored in chunks by the champion: each row once, whatever is killed and started again.

    <home>/scoring/<project>/<digest of source and output>/
      batch.json      the batch at hand: how many rows, from where; written after its rows are pinned
      rows/           its rows as they were when they were read, a chunk a record batch
      answers/        the answers to each chunk of them, in a file of its own: what is here is not asked again
      done.json       the last finished batch, and where the next reading goes on

`pinned` reads the source, `answered` asks the model, `delivering` hands over; an output and the prediction log each
know by themselves what of a batch they have.
"""
