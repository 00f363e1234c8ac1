"""Tagging in bulk on Ray: files in, Parquet files out, on one machine or many.

    cluster        the connection to Ray
    storage        input files, and files that appear whole, on every file system that pyarrow reaches
    parts          ranges of documents of a file, and sets of them
    output         the output folder: what is done, and the files that hold it
    reading        an actor that reads files in blocks of documents
    tagging        an actor that tags blocks, and writes each as a part
    merging        a task that joins parts into a file
    model          the model on every node
    engine         the loop that hands blocks from the readers to the taggers
    progress, plot what the user sees
    run            all of it together
    tasks          one function on the nodes of a cluster, for several seeds

The loop calls plain actors and is not Ray Data's. That cuts and joins blocks on their way, so that none stands for a
range of a file. What is done could only be told by the ids of all rows, and updates of PubMed repeat ids.
"""
